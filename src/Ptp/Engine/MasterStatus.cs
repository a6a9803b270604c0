// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Engine;

/// <summary>State of one master, for status and evidence.</summary>
/// <param name="Domain">domainNumber.</param>
/// <param name="Data">Its data set: grandmaster, quality, steps.</param>
/// <param name="Properties">Its statements about time.</param>
/// <param name="Address">Source address of its messages.</param>
/// <param name="IsQualified">Two Announces arrived in time.</param>
/// <param name="IsSelected">The best of its domain.</param>
/// <param name="IsReference">The master to follow.</param>
/// <param name="IsSyncAlive">Its Syncs arrive.</param>
/// <param name="OffsetNs">This clock minus the master's at the last exchange, ns; null without one.</param>
/// <param name="ExchangedNs">Monotonic time of that exchange.</param>
public readonly record struct MasterStatus(
    byte Domain,
    DataSet Data,
    TimeProperties Properties,
    PeerAddress Address,
    bool IsQualified,
    bool IsSelected,
    bool IsReference,
    bool IsSyncAlive,
    double? OffsetNs,
    long ExchangedNs);
