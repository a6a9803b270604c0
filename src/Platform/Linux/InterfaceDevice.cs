using System.Runtime.InteropServices;
using System.Text;

namespace Capbox.Platform.Linux;

/// <summary>struct ifreq, netdevice(7), with ifr_data in the union: 40 bytes on x86-64.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal unsafe struct InterfaceRequest
{
    [FieldOffset(0)] public fixed byte Name[16];
    [FieldOffset(16)] public void* Data;
}

/// <summary>struct ethtool_ts_info, linux/ethtool.h: 44 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 44)]
internal struct EthtoolStampInfo
{
    [FieldOffset(0)] public uint Command;

    /// <summary>SOF_TIMESTAMPING_ flags, linux/net_tstamp.h.</summary>
    [FieldOffset(4)] public uint Flags;

    /// <summary>N of /dev/ptpN, or -1.</summary>
    [FieldOffset(8)] public int PhcIndex;

    /// <summary>Bit n: HWTSTAMP_TX_ type n.</summary>
    [FieldOffset(12)] public uint TxTypes;

    /// <summary>Bit n: HWTSTAMP_FILTER_ type n.</summary>
    [FieldOffset(28)] public uint RxFilters;
}

/// <summary>struct ethtool_drvinfo, linux/ethtool.h: 196 bytes, as far as it is read here.</summary>
[StructLayout(LayoutKind.Explicit, Size = 196)]
internal unsafe struct EthtoolDriver
{
    [FieldOffset(0)] public uint Command;
    [FieldOffset(4)] public fixed byte Driver[32];
    [FieldOffset(68)] public fixed byte Firmware[32];
    [FieldOffset(100)] public fixed byte Bus[32];
    [FieldOffset(176)] public uint PrivateFlags;
}

/// <summary>struct ethtool_value, linux/ethtool.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EthtoolNumber
{
    public uint Command;
    public uint Data;
}

/// <summary>struct ethtool_gstrings, linux/ethtool.h, without the strings of 32 bytes each that follow.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EthtoolStrings
{
    public uint Command;
    public uint Set;
    public uint Count;
}

/// <summary>struct hwtstamp_config, linux/net_tstamp.h: 12 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StampConfig
{
    public int Flags;
    public int TxType;
    public int RxFilter;
}

/// <summary>
/// ethtool and timestamp ioctls of the interfaces of one network namespace: that of the thread that makes it. Each returns 0 or the errno: EOPNOTSUPP is an answer, not a fault. One caller at a time.
/// </summary>
internal sealed unsafe class InterfaceDevice : IDisposable
{
    private const uint ETHTOOL_GDRVINFO = 3, ETHTOOL_GSTRINGS = 0x1b, ETHTOOL_GPFLAGS = 0x27, ETHTOOL_GET_TS_INFO = 0x41, ETH_SS_PRIV_FLAGS = 2;
    private const nuint SIOCETHTOOL = 0x8946, SIOCSHWTSTAMP = 0x89b0, SIOCGHWTSTAMP = 0x89b1;
    private const int IFNAMSIZ = 16, ETH_GSTRING_LEN = 32;

    /// <summary>As many flags as fit the number that holds their state.</summary>
    private const int MaxFlags = 32;
    private readonly FileDescriptor _socket;

    /// <exception cref="IOException">No socket is to be had.</exception>
    public InterfaceDevice()
    {
        int fd = SystemCalls.socket(SystemCalls.AF_INET, SystemCalls.SOCK_DGRAM | SystemCalls.SOCK_CLOEXEC, 0);
        _socket = fd >= 0 ? new FileDescriptor(fd) : throw new IOException($"socket: {SystemCalls.ErrorText(Marshal.GetLastPInvokeError())}");
    }

    /// <summary>Every interface of the namespace of the calling thread, by index.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public static IReadOnlyList<(int Index, string Name)> List()
    {
        NameIndex* list = SystemCalls.if_nameindex();
        if (list == null)
            throw new IOException($"if_nameindex: {SystemCalls.ErrorText(Marshal.GetLastPInvokeError())}");
        List<(int Index, string Name)> found = [];
        for (NameIndex* at = list; at->Index != 0; at++)
            found.Add(((int)at->Index, Marshal.PtrToStringUTF8((nint)at->Name)!));
        SystemCalls.if_freenameindex(list);
        found.Sort((a, b) => a.Index.CompareTo(b.Index));
        return found;
    }

    public int GetDriver(string name, out string driver, out string firmware, out string bus, out int privateFlags)
    {
        EthtoolDriver info = new() { Command = ETHTOOL_GDRVINFO };
        int errno = Call(name, SIOCETHTOOL, &info);
        driver = Text(info.Driver);
        firmware = Text(info.Firmware);
        bus = Text(info.Bus);
        privateFlags = (int)Math.Min(info.PrivateFlags, MaxFlags);
        return errno;
    }

    public int GetStampInfo(string name, out EthtoolStampInfo info)
    {
        EthtoolStampInfo request = new() { Command = ETHTOOL_GET_TS_INFO, PhcIndex = -1 };
        int errno = Call(name, SIOCETHTOOL, &request);
        info = request;
        return errno;
    }

    /// <summary>The private flags of the driver (ethtool --show-priv-flags).</summary>
    /// <param name="name">Interface.</param>
    /// <param name="count">What <see cref="GetDriver"/> told, at most 32.</param>
    /// <param name="flags">Each flag's name and state.</param>
    public int GetPrivateFlags(string name, int count, out IReadOnlyList<(string Name, bool IsOn)> flags)
    {
        flags = [];
        // Room for twice as many: a driver that was exchanged since it was asked may have more.
        byte* room = stackalloc byte[sizeof(EthtoolStrings) + (2 * MaxFlags * ETH_GSTRING_LEN)];
        new Span<byte>(room, sizeof(EthtoolStrings) + (2 * MaxFlags * ETH_GSTRING_LEN)).Clear();
        var strings = (EthtoolStrings*)room;
        *strings = new EthtoolStrings { Command = ETHTOOL_GSTRINGS, Set = ETH_SS_PRIV_FLAGS, Count = (uint)count };
        int errno = Call(name, SIOCETHTOOL, strings);
        if (errno != 0)
            return errno;
        EthtoolNumber state = new() { Command = ETHTOOL_GPFLAGS };
        errno = Call(name, SIOCETHTOOL, &state);
        if (errno != 0)
            return errno;
        var found = new (string Name, bool IsOn)[Math.Min((int)strings->Count, count)];
        for (int i = 0; i < found.Length; i++)
            found[i] = (Text(room + sizeof(EthtoolStrings) + (i * ETH_GSTRING_LEN)), (state.Data & (1u << i)) != 0);
        flags = found;
        return 0;
    }

    public int GetStampConfig(string name, out StampConfig config)
    {
        StampConfig request = default;
        int errno = Call(name, SIOCGHWTSTAMP, &request);
        config = request;
        return errno;
    }

    /// <summary>Asks for a configuration; the driver writes back what it did, which may be more than asked.</summary>
    public int SetStampConfig(string name, ref StampConfig config)
    {
        StampConfig request = config;
        int errno = Call(name, SIOCSHWTSTAMP, &request);
        config = request;
        return errno;
    }

    public void Dispose() => _socket.Dispose();

    private int Call(string name, nuint request, void* argument)
    {
        InterfaceRequest outer = default;
        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) >= IFNAMSIZ)
            return SystemCalls.ENODEV;
        Encoding.UTF8.GetBytes(name, new Span<byte>(outer.Name, IFNAMSIZ));
        outer.Data = argument;
        return SystemCalls.ioctl(_socket.Value, request, &outer) < 0 ? Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>A C string in a field of 32 bytes, which a driver may have filled to the end.</summary>
    private static string Text(byte* field)
    {
        ReadOnlySpan<byte> text = new(field, ETH_GSTRING_LEN);
        int end = text.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
    }
}
