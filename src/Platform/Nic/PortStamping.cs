using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Platform.Nic;

/// <summary>What received packets must be stamped by the NIC.</summary>
[Flags]
public enum StampNeeds
{
    None = 0,

    /// <summary>PTP event messages over Ethernet.</summary>
    EthernetEvents = 1,

    /// <summary>PTP event messages over UDP.</summary>
    UdpEvents = 2,

    /// <summary>All that is captured.</summary>
    EveryPacket = 4,
}

/// <summary>
/// Makes a NIC stamp what PTP sends and receives, and puts back what was found when it is disposed of. A driver may accept and do less, or more: what counts is <see cref="Covers"/>, read back. What others
/// asked for stays: the filter is never made narrower, so that a recorder on the same port keeps its stamps. With mlx5 only at the start (<see cref="DriverQuirks.FilterStopsCompression"/>).
/// </summary>
public sealed class PortStamping : IDisposable
{
    private const int TransmitOff = 0, TransmitOn = 1;

    /// <summary>HWTSTAMP_FILTER_ numbers that serve PTP version 2, the narrowest first.</summary>
    private const int FilterUdp = 6, FilterEthernet = 9, FilterEvents = 12;
    private static readonly int[] s_filters = [FilterEthernet, FilterUdp, FilterEvents, StampNames.FilterAll];

    private readonly InterfaceDevice _device;
    private readonly string _port;
    private readonly StampNeeds _needs;
    private StampConfig _before, _set;
    private bool _isChanged;

    private PortStamping(InterfaceDevice device, string port, StampNeeds needs) => (_device, _port, _needs) = (device, port, needs);

    /// <summary>The stamping in force.</summary>
    public StampGrant Granted { get; private set; } = new("off", "none");

    /// <summary>What the filter in force stamps; may be more than was asked for, or less.</summary>
    public StampNeeds Covers { get; private set; }

    /// <summary>Packets that ask for it are stamped as they are sent.</summary>
    public bool StampsTransmit { get; private set; }

    /// <summary>Asks a port of the namespace of the calling thread. Any thread may dispose of it.</summary>
    /// <param name="port">Interface.</param>
    /// <param name="needs">What must be stamped.</param>
    /// <exception cref="ClockException">There is no such interface, it has no hardware stamps, or the driver refuses. The message names the port.</exception>
    public static PortStamping Enable(string port, StampNeeds needs)
    {
        InterfaceDevice device = new();
        PortStamping stamping = new(device, port, needs);
        try
        {
            stamping.Ask();
            return stamping;
        }
        catch
        {
            stamping.Dispose();
            throw;
        }
    }

    /// <summary>Asks again for what another program has taken away. To be called now and then: there is one setting for all.</summary>
    /// <returns>True if something was missing.</returns>
    /// <exception cref="ClockException">The driver refuses.</exception>
    public bool Renew()
    {
        if (_device.GetStampConfig(_port, out StampConfig now) != 0 || ((CoveredBy(now.RxFilter) & Covers & _needs) == (Covers & _needs) && (now.TxType != TransmitOff || !StampsTransmit)))
            return false;
        StampConfig first = _before;
        bool wasChanged = _isChanged;
        Ask();
        if (wasChanged)
            _before = first;
        return true;
    }

    /// <summary>Puts back what was found, if it was changed. What others have asked for since then stays.</summary>
    public void Dispose()
    {
        if (_isChanged && (_device.GetStampConfig(_port, out StampConfig now) != 0 || (now.RxFilter == _set.RxFilter && now.TxType == _set.TxType)))
        {
            StampConfig before = _before;
            _device.SetStampConfig(_port, ref before);
        }

        _isChanged = false;

        _device.Dispose();
    }

    /// <summary>What a HWTSTAMP_FILTER_ stamps, of what is needed here. Filters of one kind of message alone, and those of PTP version 1, count as nothing.</summary>
    internal static StampNeeds CoveredBy(int filter) => filter switch
    {
        StampNames.FilterAll => StampNeeds.EveryPacket | StampNeeds.EthernetEvents | StampNeeds.UdpEvents,
        FilterEvents => StampNeeds.EthernetEvents | StampNeeds.UdpEvents,
        FilterUdp => StampNeeds.UdpEvents,
        FilterEthernet => StampNeeds.EthernetEvents,
        _ => StampNeeds.None,
    };

    /// <summary>The filter to ask for: the narrowest that covers the needs and what the present one covers; failing that the one that covers most of the needs.</summary>
    /// <param name="offered">Bit n: HWTSTAMP_FILTER_ n.</param>
    /// <param name="present">HWTSTAMP_FILTER_ in force.</param>
    /// <param name="needs">What must be stamped.</param>
    internal static int Choose(uint offered, int present, StampNeeds needs)
    {
        StampNeeds have = CoveredBy(present), all = needs | have;
        if (all == have)
            return present;
        int best = present;
        foreach (int filter in s_filters)
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

    private static int Count(StampNeeds needs) => System.Numerics.BitOperations.PopCount((uint)needs);

    private void Ask()
    {
        int errno = _device.GetStampInfo(_port, out EthtoolStampInfo info);
        if (errno != 0)
            throw Refused("timestamping", errno);
        if ((info.Flags & (StampNames.ReceiveHardware | StampNames.TransmitHardware)) == 0)
            throw new ClockException($"port {_port}: no hardware stamps", 0);
        // A driver that cannot be asked (SIOCGHWTSTAMP is younger than SIOCSHWTSTAMP) is taken to have been off.
        bool canRead = _device.GetStampConfig(_port, out _before) == 0;
        StampConfig wanted = _before;
        wanted.RxFilter = Choose(info.RxFilters, _before.RxFilter, _needs);
        if (wanted.TxType == TransmitOff && (info.TxTypes & (1u << TransmitOn)) != 0)
            wanted.TxType = TransmitOn;
        if (wanted.RxFilter != _before.RxFilter || wanted.TxType != _before.TxType)
        {
            errno = _device.SetStampConfig(_port, ref wanted);
            if (errno != 0)
                throw Refused("hardware stamps", errno);
            _isChanged = true;
        }

        StampConfig after = canRead && _device.GetStampConfig(_port, out StampConfig read) == 0 ? read : wanted;
        _set = after;
        Granted = new StampGrant(StampNames.TransmitType(after.TxType), StampNames.Filter(after.RxFilter));
        Covers = CoveredBy(after.RxFilter);
        StampsTransmit = after.TxType != TransmitOff;
    }

    private ClockException Refused(string what, int errno)
    {
        string hint = errno is SystemCalls.EPERM ? "; it needs root or CAP_NET_ADMIN" : "";
        return new ClockException($"port {_port}: {what}: {SystemCalls.ErrorText(errno)}{hint}", errno);
    }
}
