using System.Runtime.InteropServices;
using System.Text;

namespace Capbox.Platform.Linux;

/// <summary>struct ifreq, netdevice(7), with ifr_data in the union: 40 bytes on 64-bit Linux.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal unsafe struct IfReqData
{
    [FieldOffset(0)] public fixed byte Name[16];
    [FieldOffset(16)] public void* Data;
}

/// <summary>struct ethtool_value, linux/ethtool.h: one number or one set of flags.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EthtoolValue
{
    public uint Command;
    public uint Data;
}

/// <summary>struct ethtool_drvinfo, linux/ethtool.h: 196 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct EthtoolDriverInfo
{
    public uint Command;
    public fixed byte Driver[32];
    public fixed byte Version[32];
    public fixed byte FirmwareVersion[32];
    public fixed byte BusInfo[32];
    public fixed byte ExpansionRomVersion[32];
    public fixed byte Reserved[12];
    public uint PrivateFlags;
    public uint Statistics;
    public uint TestInfoLength;
    public uint EepromDumpLength;
    public uint RegisterDumpLength;
}

/// <summary>struct ethtool_ts_info, linux/ethtool.h: 44 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct EthtoolTimestampInfo
{
    public uint Command;

    /// <summary>SOF_TIMESTAMPING_* flags, linux/net_tstamp.h.</summary>
    public uint SoTimestamping;

    /// <summary>Number of /dev/ptpN, or -1.</summary>
    public int PhcIndex;

    /// <summary>Bit n: HWTSTAMP_TX_ type n.</summary>
    public uint TxTypes;
    public fixed uint TxReserved[3];

    /// <summary>Bit n: HWTSTAMP_FILTER_ type n.</summary>
    public uint RxFilters;
    public fixed uint RxReserved[3];
}

/// <summary>struct ethtool_link_settings, linux/ethtool.h, as far as it is read here; three bit maps of link modes follow it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 48)]
internal struct EthtoolLinkSettings
{
    [FieldOffset(0)] public uint Command;

    /// <summary>Mb/s; 0 or SPEED_UNKNOWN when there is none.</summary>
    [FieldOffset(4)] public uint Speed;

    /// <summary>DUPLEX_ number.</summary>
    [FieldOffset(8)] public byte Duplex;

    /// <summary>Words of each bit map; a wrong number is answered with the right one, negated, and nothing else.</summary>
    [FieldOffset(15)] public sbyte ModeWords;
}

/// <summary>struct hwtstamp_config, linux/net_tstamp.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct HardwareStampConfig
{
    public int Flags;
    public int TxType;
    public int RxFilter;
}

/// <summary>
/// The ethtool and hardware timestamp ioctls of one interface, by name, in the namespace of the <see cref="LinkControl"/>. Each returns 0 or the errno: most drivers
/// implement a part of them, and EOPNOTSUPP is an answer, not a fault.
/// </summary>
internal static unsafe class Ethtool
{
    public const uint GetDriverInfo = 0x03, GetTso = 0x1e, GetGso = 0x23, GetFlags = 0x25, SetFlags = 0x26, GetGro = 0x2b, SetGro = 0x2c;
    public const uint GetTimestampInfo = 0x41, GetLinkSettings = 0x4c;

    /// <summary>ETH_FLAG_*: the offloads that <see cref="GetFlags"/> reports.</summary>
    public const uint FlagTxVlan = 1u << 7, FlagRxVlan = 1u << 8, FlagLro = 1u << 15;

    /// <summary>What the driver says when there is no speed, and DUPLEX_ numbers.</summary>
    public const uint SpeedUnknown = uint.MaxValue;
    public const byte DuplexHalf = 0, DuplexFull = 1;

    private const nuint SIOCETHTOOL = 0x8946, SIOCSHWTSTAMP = 0x89b0, SIOCGHWTSTAMP = 0x89b1;
    private const int MaxNameBytes = 15;

    /// <summary>Reads one number: an offload's state or the set of flags.</summary>
    public static int TryGet(LinkControl links, string name, uint command, out uint value)
    {
        EthtoolValue request = new() { Command = command };
        int errno = Call(links, name, SIOCETHTOOL, &request);
        value = request.Data;
        return errno;
    }

    public static int TrySet(LinkControl links, string name, uint command, uint value)
    {
        EthtoolValue request = new() { Command = command, Data = value };
        return Call(links, name, SIOCETHTOOL, &request);
    }

    public static int TryGetDriver(LinkControl links, string name, out string driver, out string firmware, out string bus)
    {
        EthtoolDriverInfo info = new() { Command = GetDriverInfo };
        int errno = Call(links, name, SIOCETHTOOL, &info);
        driver = Text(info.Driver, 32);
        firmware = Text(info.FirmwareVersion, 32);
        bus = Text(info.BusInfo, 32);
        return errno;
    }

    public static int TryGetTimestampInfo(LinkControl links, string name, out EthtoolTimestampInfo info)
    {
        EthtoolTimestampInfo request = new() { Command = GetTimestampInfo, PhcIndex = -1 };
        int errno = Call(links, name, SIOCETHTOOL, &request);
        info = request;
        return errno;
    }

    /// <summary>Speed and duplex. The first call learns how long the bit maps are, the second one gets the answer.</summary>
    public static int TryGetLinkSettings(LinkControl links, string name, out EthtoolLinkSettings settings)
    {
        const int MapBytes = 3 * sizeof(uint) * sbyte.MaxValue;
        byte* room = stackalloc byte[sizeof(EthtoolLinkSettings) + MapBytes];
        var request = (EthtoolLinkSettings*)room;
        *request = new EthtoolLinkSettings { Command = GetLinkSettings };
        int errno = Call(links, name, SIOCETHTOOL, request);
        if (errno == 0 && request->ModeWords < 0)
        {
            *request = new EthtoolLinkSettings { Command = GetLinkSettings, ModeWords = (sbyte)-request->ModeWords };
            errno = Call(links, name, SIOCETHTOOL, request);
        }

        settings = *request;
        return errno;
    }

    public static int TryGetStampConfig(LinkControl links, string name, out HardwareStampConfig config)
    {
        HardwareStampConfig request = default;
        int errno = Call(links, name, SIOCGHWTSTAMP, &request);
        config = request;
        return errno;
    }

    /// <summary>Asks for a configuration; the driver writes back what it did, which may be more than asked.</summary>
    public static int TrySetStampConfig(LinkControl links, string name, ref HardwareStampConfig config)
    {
        HardwareStampConfig request = config;
        int errno = Call(links, name, SIOCSHWTSTAMP, &request);
        config = request;
        return errno;
    }

    private static int Call(LinkControl links, string name, nuint ioctl, void* argument)
    {
        IfReqData request = default;
        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > MaxNameBytes)
            return LibC.ENODEV;
        Encoding.UTF8.GetBytes(name, new Span<byte>(request.Name, MaxNameBytes));
        request.Data = argument;
        return links.Ioctl(ioctl, &request);
    }

    /// <summary>A C string in a field of fixed size, which a driver may have filled to the end.</summary>
    private static string Text(byte* field, int bytes)
    {
        ReadOnlySpan<byte> text = new(field, bytes);
        int end = text.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
    }
}
