// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Platform.Nic;

/// <summary>The received packets that the NIC must stamp.</summary>
[Flags]
public enum StampNeeds
{
    None = 0,

    /// <summary>PTP event messages over Ethernet.</summary>
    EthernetEvents = 1,

    /// <summary>PTP event messages over UDP.</summary>
    UdpEvents = 2,

    /// <summary>All captured packets.</summary>
    EveryPacket = 4,
}

/// <summary>
/// Makes a NIC stamp the messages that PTP sends and receives, and restores the setting when it is disposed of. A driver may accept
/// and do less, or more: <see cref="Covers"/> is read back. Requests of other programs stay in force: the filter is never made
/// narrower, so that a recorder on the same port keeps its stamps. With mlx5 only at the start
/// (<see cref="DriverQuirks.FilterStopsCompression"/>).
/// </summary>
public sealed class PortStamping : IDisposable
{
    /// <summary>The filters that serve PTP version 2, the narrowest first.</summary>
    private static readonly StampFilter[] s_filters =
        [StampFilter.PtpV2L2Event, StampFilter.PtpV2L4Event, StampFilter.PtpV2Event, StampFilter.All];

    private readonly Ethtool _ethtool;
    private readonly string _port;
    private readonly StampNeeds _needs;
    private StampConfig _before, _set;
    private bool _isChanged;

    private PortStamping(Ethtool ethtool, string port, StampNeeds needs) => (_ethtool, _port, _needs) = (ethtool, port, needs);

    /// <summary>The stamping in force.</summary>
    public StampGrant Granted { get; private set; } = new("off", "none");

    /// <summary>The packets that the filter in force stamps; may be more than requested, or less.</summary>
    public StampNeeds Covers { get; private set; }

    /// <summary>Packets that ask for it are stamped as they are sent.</summary>
    public bool StampsTransmit { get; private set; }

    /// <summary>Sets the stamping of a port of the namespace of the calling thread. Any thread may dispose of it.</summary>
    /// <param name="needs">The packets that must be stamped.</param>
    /// <exception cref="ClockException">There is no such interface, it has no hardware stamps, or the driver refuses. The message
    /// names the port.</exception>
    public static PortStamping Enable(string port, StampNeeds needs)
    {
        PortStamping stamping = new(new Ethtool(), port, needs);
        try
        {
            stamping.Apply();
            return stamping;
        }
        catch
        {
            stamping.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Sets the stamping again if another program has reduced it. To be called now and then: there is one setting for all programs.
    /// </summary>
    /// <returns>True if something was missing.</returns>
    /// <exception cref="ClockException">The driver refuses.</exception>
    public bool Renew()
    {
        if (_ethtool.TryGetStampConfig(_port, out StampConfig now) != 0)
            return false;
        bool hasFilter = (CoveredBy(now.RxFilter) & Covers & _needs) == (Covers & _needs);
        if (hasFilter && (now.TxType != Ethtool.HWTSTAMP_TX_OFF || !StampsTransmit))
            return false;
        StampConfig first = _before;
        bool wasChanged = _isChanged;
        Apply();
        if (wasChanged)
            _before = first;
        return true;
    }

    /// <summary>Restores the setting that was found, if it was changed. A setting of another program since then stays.</summary>
    public void Dispose()
    {
        if (_isChanged && IsAsSet())
        {
            StampConfig before = _before;
            _ethtool.TrySetStampConfig(_port, ref before);
        }

        _isChanged = false;
        _ethtool.Dispose();
    }

    /// <summary>
    /// The needs that a HWTSTAMP_FILTER_ covers. Filters of one kind of message alone, and those of PTP version 1, cover none.
    /// </summary>
    internal static StampNeeds CoveredBy(int filter) => (StampFilter)filter switch
    {
        StampFilter.All => StampNeeds.EveryPacket | StampNeeds.EthernetEvents | StampNeeds.UdpEvents,
        StampFilter.PtpV2Event => StampNeeds.EthernetEvents | StampNeeds.UdpEvents,
        StampFilter.PtpV2L4Event => StampNeeds.UdpEvents,
        StampFilter.PtpV2L2Event => StampNeeds.EthernetEvents,
        _ => StampNeeds.None,
    };

    /// <summary>
    /// The filter to ask for: the narrowest that covers the needs and those of the present one; failing that the one that covers
    /// most of the needs.
    /// </summary>
    /// <param name="offered">Bit n: HWTSTAMP_FILTER_ n.</param>
    /// <param name="present">HWTSTAMP_FILTER_ in force.</param>
    /// <param name="needs">The packets that must be stamped.</param>
    internal static int Choose(uint offered, int present, StampNeeds needs)
    {
        StampNeeds have = CoveredBy(present), all = needs | have;
        if (all == have)
            return present;
        int best = present;
        foreach (int filter in s_filters.Cast<int>())
        {
            if ((offered & (1u << filter)) == 0 || (CoveredBy(filter) & have) != have)
                continue;
            if ((CoveredBy(filter) & all) == all)
                return filter;
            if (Count(CoveredBy(filter) & needs) > Count(CoveredBy(best) & needs))
                best = filter;
        }

        return best;
    }

    /// <summary>Whether no other program has changed the setting since, as far as the driver reports it.</summary>
    private bool IsAsSet() =>
        _ethtool.TryGetStampConfig(_port, out StampConfig now) != 0 || (now.RxFilter == _set.RxFilter && now.TxType == _set.TxType);

    private static int Count(StampNeeds needs) => System.Numerics.BitOperations.PopCount((uint)needs);

    private void Apply()
    {
        int errno = _ethtool.TryGetStampInfo(_port, out EthtoolStampInfo info);
        if (errno != 0)
            throw Refused("timestamping", errno);
        if ((info.Flags & (StampNames.ReceiveHardware | StampNames.TransmitHardware)) == 0)
            throw new ClockException($"port {_port}: no hardware stamps", 0);
        // A driver that cannot be asked (SIOCGHWTSTAMP is younger than SIOCSHWTSTAMP) is taken to have been off.
        bool canRead = _ethtool.TryGetStampConfig(_port, out _before) == 0;
        StampConfig wanted = _before;
        wanted.RxFilter = Choose(info.RxFilters, _before.RxFilter, _needs);
        if (wanted.TxType == Ethtool.HWTSTAMP_TX_OFF && (info.TxTypes & (1u << Ethtool.HWTSTAMP_TX_ON)) != 0)
            wanted.TxType = Ethtool.HWTSTAMP_TX_ON;
        if (wanted.RxFilter != _before.RxFilter || wanted.TxType != _before.TxType)
        {
            errno = _ethtool.TrySetStampConfig(_port, ref wanted);
            if (errno != 0)
                throw Refused("hardware stamps", errno);
            _isChanged = true;
        }

        StampConfig after = canRead && _ethtool.TryGetStampConfig(_port, out StampConfig read) == 0 ? read : wanted;
        _set = after;
        Granted = StampGrant.From(after);
        Covers = CoveredBy(after.RxFilter);
        StampsTransmit = after.TxType != Ethtool.HWTSTAMP_TX_OFF;
    }

    private ClockException Refused(string what, int errno)
    {
        string hint = errno is Errno.EPERM ? "; it needs root or CAP_NET_ADMIN" : "";
        return new ClockException($"port {_port}: {what}: {Errno.Text(errno)}{hint}", errno);
    }
}
