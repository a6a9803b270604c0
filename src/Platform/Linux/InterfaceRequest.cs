// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using System.Text;

namespace Capbox.Platform.Linux;

/// <summary>struct ifreq, netdevice(7): 40 bytes on x86-64. The fields behind the name are one union.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
[CStruct("struct ifreq", "net/if.h", "linux/sockios.h", Prefix = "ifr_")]
internal unsafe struct InterfaceRequest
{
    public const int IFNAMSIZ = 16;
    public const int IFF_UP = 1, IFF_RUNNING = 0x40;
    public const nuint SIOCGIFFLAGS = 0x8913, SIOCGIFHWADDR = 0x8927, SIOCGIFINDEX = 0x8933;

    [FieldOffset(0)] public fixed byte Name[IFNAMSIZ];
    [FieldOffset(16)] public void* Data;
    [FieldOffset(16), CField("ifr_ifindex")] public int Number;
    [FieldOffset(16), CField("ifr_ifru")] public fixed byte Bytes[24];

    /// <summary>Whether an interface can have this name.</summary>
    public static bool IsPossibleName(string name) => name.Length > 0 && Encoding.UTF8.GetByteCount(name) < IFNAMSIZ;

    /// <summary>
    /// Runs an ioctl on one interface of the socket's network namespace. Returns 0 or the errno; ENODEV for a name that no
    /// interface can have.
    /// </summary>
    public static int Run(int socket, string name, nuint ioctl, ref InterfaceRequest request)
    {
        if (!IsPossibleName(name))
            return Errno.ENODEV;
        fixed (InterfaceRequest* argument = &request)
        {
            Encoding.UTF8.GetBytes(name, new Span<byte>(argument->Name, IFNAMSIZ - 1));
            return LibC.ioctl(socket, ioctl, argument) < 0 ? Errno.Last : 0;
        }
    }
}
