// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>
/// The receive timestamp filter of one NIC, set to "all" for the time of a capture. A driver may accept the request and do less (i40e),
/// so <see cref="Granted"/> is read back from the driver afterwards.
/// </summary>
public sealed class HardwareStamps : IDisposable
{
    private readonly Ethtool _ethtool;
    private readonly string _name;
    private StampConfig _before;
    private bool _restore;

    private HardwareStamps(Ethtool ethtool, string name)
    {
        _ethtool = ethtool;
        _name = name;
    }

    /// <summary>The filter in force after the request.</summary>
    public StampFilter Granted { get; private set; }

    /// <summary>True when every received packet gets a hardware stamp.</summary>
    public bool StampsAll => Granted == StampFilter.All;

    /// <summary>The NIC has a clock (a PHC), whichever packets it stamps.</summary>
    public bool HasClock { get; private set; }

    /// <summary>Null when all packets are stamped, else the reason in one line.</summary>
    public string? Problem { get; private set; }

    /// <summary>
    /// Asks the NIC to stamp every received packet. Never throws; without the capability nothing is changed. Transmit stamping is left
    /// as it was, since a PTP daemon may be using it. Disposing uses <paramref name="links"/> as well.
    /// </summary>
    internal static HardwareStamps TryEnableAll(LinkControl links, string name)
    {
        HardwareStamps stamps = new(links.Ethtool, name);
        stamps.Problem = stamps.Enable();
        return stamps;
    }

    /// <summary>Restores the configuration found before, if it was changed.</summary>
    public void Dispose()
    {
        if (!_restore)
            return;
        _restore = false;
        StampConfig before = _before;
        // A PTP port may have asked for transmit stamps since.
        if (_ethtool.TryGetStampConfig(_name, out StampConfig now) == 0)
            before.TxType = now.TxType;
        _ethtool.TrySetStampConfig(_name, ref before);
    }

    private string? Enable()
    {
        int errno = _ethtool.TryGetStampConfig(_name, out _before);
        bool known = errno == 0;
        if (known && _before.RxFilter == (int)StampFilter.All)
        {
            Granted = StampFilter.All;
            return null;
        }

        errno = _ethtool.TryGetStampInfo(_name, out EthtoolStampInfo info);
        HasClock = errno == 0 && info.PhcIndex >= 0;
        if (errno != 0 || (info.RxFilters & (1u << (int)StampFilter.All)) == 0)
        {
            Granted = known ? (StampFilter)_before.RxFilter : StampFilter.None;
            return errno != 0
                ? $"no hardware stamps: {Errno.Text(errno)}"
                : $"the NIC cannot stamp every packet in hardware";
        }

        // A driver that cannot be asked (SIOCGHWTSTAMP is younger than SIOCSHWTSTAMP) is taken to have been off.
        StampConfig wanted = new() { Flags = _before.Flags, TxType = _before.TxType, RxFilter = (int)StampFilter.All };
        errno = _ethtool.TrySetStampConfig(_name, ref wanted);
        if (errno != 0)
        {
            Granted = known ? (StampFilter)_before.RxFilter : StampFilter.None;
            return $"hardware stamps refused: {Errno.Text(errno)}";
        }

        _restore = true;
        Granted = (StampFilter)(_ethtool.TryGetStampConfig(_name, out StampConfig after) == 0 ? after.RxFilter : wanted.RxFilter);
        return StampsAll ? null : $"asked to stamp every packet, the NIC granted {Granted}";
    }
}
