// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Platform.Linux;

/// <summary>
/// The ethtool and timestamp ioctls of the interfaces of one network namespace: that of the thread that makes it. Each call returns
/// 0 or the errno: most drivers implement a part of them, and
/// EOPNOTSUPP is an answer, not a fault. Used from any thread afterwards, one caller at a time.
/// </summary>
[CHeaders("linux/ethtool.h", "linux/sockios.h", "linux/net_tstamp.h")]
internal sealed unsafe class Ethtool : IDisposable
{
    public const uint ETHTOOL_GTSO = 0x1e, ETHTOOL_GGSO = 0x23, ETHTOOL_GFLAGS = 0x25, ETHTOOL_SFLAGS = 0x26, ETHTOOL_GGRO = 0x2b;
    public const uint ETHTOOL_SGRO = 0x2c;

    /// <summary>The offloads that ETHTOOL_GFLAGS reports.</summary>
    public const uint ETH_FLAG_TXVLAN = 1u << 7, ETH_FLAG_RXVLAN = 1u << 8, ETH_FLAG_LRO = 1u << 15;
    [CConstant("(unsigned int)SPEED_UNKNOWN")] public const uint SPEED_UNKNOWN = uint.MaxValue;
    public const byte DUPLEX_HALF = 0, DUPLEX_FULL = 1;
    public const int HWTSTAMP_TX_OFF = 0, HWTSTAMP_TX_ON = 1;

    private const uint ETHTOOL_GDRVINFO = 3, ETHTOOL_GSTRINGS = 0x1b, ETHTOOL_GPFLAGS = 0x27, ETHTOOL_GET_TS_INFO = 0x41;
    private const uint ETHTOOL_GLINKSETTINGS = 0x4c;
    private const uint ETH_SS_PRIV_FLAGS = 2;
    private const int ETH_GSTRING_LEN = 32;
    private const nuint SIOCETHTOOL = 0x8946, SIOCSHWTSTAMP = 0x89b0, SIOCGHWTSTAMP = 0x89b1;

    /// <summary>As many flags as fit the number that holds their state.</summary>
    [OwnChoice] private const int MaxFlags = 32;
    private readonly KernelSocket _socket = new(AF_INET, SOCK_DGRAM, 0, "socket for ioctls");

    /// <summary>Reads one number: an offload's state or the set of flags.</summary>
    public int TryGet(string name, uint command, out uint value)
    {
        EthtoolValue request = new() { Command = command };
        int errno = Call(name, SIOCETHTOOL, &request);
        value = request.Data;
        return errno;
    }

    public int TrySet(string name, uint command, uint value)
    {
        EthtoolValue request = new() { Command = command, Data = value };
        return Call(name, SIOCETHTOOL, &request);
    }

    /// <param name="driver">Empty when the driver does not answer, as the other two.</param>
    /// <param name="privateFlags">Number of private flags, for <see cref="TryGetPrivateFlags"/>; at most 32.</param>
    public int TryGetDriver(string name, out string driver, out string firmware, out string bus, out int privateFlags)
    {
        EthtoolDriverInfo info = new() { Command = ETHTOOL_GDRVINFO };
        int errno = Call(name, SIOCETHTOOL, &info);
        driver = Text(info.Driver);
        firmware = Text(info.Firmware);
        bus = Text(info.Bus);
        privateFlags = (int)Math.Min(info.PrivateFlagCount, MaxFlags);
        return errno;
    }

    public int TryGetStampInfo(string name, out EthtoolStampInfo info)
    {
        EthtoolStampInfo request = new() { Command = ETHTOOL_GET_TS_INFO, PhcIndex = -1 };
        int errno = Call(name, SIOCETHTOOL, &request);
        info = request;
        return errno;
    }

    /// <summary>Speed and duplex. The first call learns how long the bit maps are, the second one gets the answer.</summary>
    public int TryGetLinkSettings(string name, out EthtoolLinkSettings settings)
    {
        const int MapBytes = 3 * sizeof(uint) * sbyte.MaxValue;
        byte* room = stackalloc byte[sizeof(EthtoolLinkSettings) + MapBytes];
        var request = (EthtoolLinkSettings*)room;
        *request = new EthtoolLinkSettings { Command = ETHTOOL_GLINKSETTINGS };
        int errno = Call(name, SIOCETHTOOL, request);
        if (errno == 0 && request->ModeWords < 0)
        {
            *request = new EthtoolLinkSettings { Command = ETHTOOL_GLINKSETTINGS, ModeWords = (sbyte)-request->ModeWords };
            errno = Call(name, SIOCETHTOOL, request);
        }

        settings = *request;
        return errno;
    }

    /// <summary>The private flags of the driver (ethtool --show-priv-flags).</summary>
    /// <param name="count">Number of flags that <see cref="TryGetDriver"/> reported.</param>
    /// <param name="flags">Name and state of each.</param>
    public int TryGetPrivateFlags(string name, int count, out IReadOnlyList<(string Name, bool IsOn)> flags)
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
        errno = TryGet(name, ETHTOOL_GPFLAGS, out uint state);
        if (errno != 0)
            return errno;
        var found = new (string Name, bool IsOn)[Math.Min((int)strings->Count, count)];
        for (int i = 0; i < found.Length; i++)
            found[i] = (Text(room + sizeof(EthtoolStrings) + (i * ETH_GSTRING_LEN)), (state & (1u << i)) != 0);
        flags = found;
        return 0;
    }

    public int TryGetStampConfig(string name, out StampConfig config)
    {
        StampConfig request = default;
        int errno = Call(name, SIOCGHWTSTAMP, &request);
        config = request;
        return errno;
    }

    /// <summary>Asks for a configuration; the driver writes back what it did, which may be more than asked.</summary>
    public int TrySetStampConfig(string name, ref StampConfig config)
    {
        StampConfig request = config;
        int errno = Call(name, SIOCSHWTSTAMP, &request);
        config = request;
        return errno;
    }

    public void Dispose() => _socket.Dispose();

    private int Call(string name, nuint ioctl, void* argument)
    {
        InterfaceRequest request = new() { Data = argument };
        return InterfaceRequest.Run(_socket.Fd, name, ioctl, ref request);
    }

    private static string Text(byte* field) => CText.Read(field, ETH_GSTRING_LEN);
}
