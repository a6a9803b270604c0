using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>What a NIC stamps on reception: HWTSTAMP_FILTER_* of linux/net_tstamp.h, same numbers.</summary>
public enum StampFilter
{
    None = 0,

    /// <summary>Every packet: the only one that makes hardware stamps a packet's time.</summary>
    All = 1,
    Some = 2,
    PtpV1L4Event = 3,
    PtpV1L4Sync = 4,
    PtpV1L4DelayRequest = 5,
    PtpV2L4Event = 6,
    PtpV2L4Sync = 7,
    PtpV2L4DelayRequest = 8,
    PtpV2L2Event = 9,
    PtpV2L2Sync = 10,
    PtpV2L2DelayRequest = 11,
    PtpV2Event = 12,
    PtpV2Sync = 13,
    PtpV2DelayRequest = 14,
    NtpAll = 15,
}

/// <summary>
/// The receive timestamp filter of one NIC, set to "all" for the time of a capture. A driver may accept the request and do less (i40e),
/// so what counts is <see cref="Granted"/>, read back from the driver afterwards.
/// </summary>
public sealed class HardwareStamps : IDisposable
{
    private readonly LinkControl _links;
    private readonly string _name;
    private HardwareStampConfig _before;
    private bool _restore;

    private HardwareStamps(LinkControl links, string name)
    {
        _links = links;
        _name = name;
    }

    /// <summary>The filter in force after the request.</summary>
    public StampFilter Granted { get; private set; }

    /// <summary>True when every received packet gets a hardware stamp.</summary>
    public bool StampsAll => Granted == StampFilter.All;

    /// <summary>The NIC has a clock (a PHC), whatever it stamps.</summary>
    public bool HasClock { get; private set; }

    /// <summary>Null when all packets are stamped, else why not, in one line.</summary>
    public string? Problem { get; private set; }

    /// <summary>
    /// Asks the NIC to stamp every received packet. Never throws; without the capability nothing is changed. Transmit stamping is left
    /// as it was, since a PTP daemon may be using it. Restoring needs <paramref name="links"/> as well.
    /// </summary>
    internal static HardwareStamps TryEnableAll(LinkControl links, string name)
    {
        HardwareStamps stamps = new(links, name);
        stamps.Problem = stamps.Enable();
        return stamps;
    }

    /// <summary>Puts back the configuration found before, if it was changed.</summary>
    public void Dispose()
    {
        if (!_restore)
            return;
        _restore = false;
        HardwareStampConfig before = _before;
        // A PTP port may have asked for transmit stamps since.
        if (Ethtool.TryGetStampConfig(_links, _name, out HardwareStampConfig now) == 0)
            before.TxType = now.TxType;
        Ethtool.TrySetStampConfig(_links, _name, ref before);
    }

    private string? Enable()
    {
        int errno = Ethtool.TryGetStampConfig(_links, _name, out _before);
        bool known = errno == 0;
        if (known && _before.RxFilter == (int)StampFilter.All)
        {
            Granted = StampFilter.All;
            return null;
        }

        errno = Ethtool.TryGetTimestampInfo(_links, _name, out EthtoolTimestampInfo info);
        HasClock = errno == 0 && info.PhcIndex >= 0;
        if (errno != 0 || (info.RxFilters & (1u << (int)StampFilter.All)) == 0)
        {
            Granted = known ? (StampFilter)_before.RxFilter : StampFilter.None;
            return errno != 0
                ? $"no hardware stamps: {LibC.ErrorText(errno)}"
                : $"the NIC cannot stamp every packet in hardware";
        }

        // A driver that cannot be asked (SIOCGHWTSTAMP is younger than SIOCSHWTSTAMP) is taken to have been off.
        HardwareStampConfig wanted = new() { Flags = _before.Flags, TxType = _before.TxType, RxFilter = (int)StampFilter.All };
        errno = Ethtool.TrySetStampConfig(_links, _name, ref wanted);
        if (errno != 0)
        {
            Granted = known ? (StampFilter)_before.RxFilter : StampFilter.None;
            return $"hardware stamps refused: {LibC.ErrorText(errno)}";
        }

        _restore = true;
        Granted = (StampFilter)(Ethtool.TryGetStampConfig(_links, _name, out HardwareStampConfig after) == 0 ? after.RxFilter : wanted.RxFilter);
        return StampsAll ? null : $"asked to stamp every packet, the NIC granted {Granted}";
    }
}
