using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Engine;

/// <summary>One master as it stands: for status and evidence.</summary>
/// <param name="Domain">domainNumber.</param>
/// <param name="Data">What it is compared by: grandmaster, quality, steps.</param>
/// <param name="Properties">What it says about time.</param>
/// <param name="Address">Where its messages come from.</param>
/// <param name="IsQualified">Heard twice in time.</param>
/// <param name="IsSelected">The best of its domain.</param>
/// <param name="IsReference">The one to be followed.</param>
/// <param name="IsSyncAlive">Its Syncs come.</param>
/// <param name="OffsetNs">This clock minus the master's at the last exchange, ns; null if there was none.</param>
/// <param name="ExchangedNs">Monotonic time of that exchange.</param>
public readonly record struct MasterStatus(
    byte Domain, DataSet Data, TimeProperties Properties, PeerAddress Address, bool IsQualified, bool IsSelected, bool IsReference, bool IsSyncAlive, double? OffsetNs, long ExchangedNs);
