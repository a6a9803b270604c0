// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>struct sock_filter: one instruction of classic BPF.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct sock_filter", "linux/filter.h")]
internal struct SockFilter(ushort code, byte jumpTrue, byte jumpFalse, uint k)
{
    public ushort Code = code;
    [CField("jt")] public byte JumpTrue = jumpTrue;
    [CField("jf")] public byte JumpFalse = jumpFalse;
    public uint K = k;
}

/// <summary>struct sock_fprog.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct sock_fprog", "linux/filter.h")]
internal unsafe struct SockFprog
{
    [CField("len")] public ushort Length;
    public SockFilter* Filter;

    /// <summary>Gives a socket a program (SO_ATTACH_FILTER), which replaces the one before at once. False: errno has the reason.</summary>
    public static bool TryAttach(int socket, ReadOnlySpan<SockFilter> program)
    {
        fixed (SockFilter* instructions = program)
        {
            SockFprog attached = new() { Length = (ushort)program.Length, Filter = instructions };
            return LibC.setsockopt(socket, SocketNumbers.SOL_SOCKET, SocketNumbers.SO_ATTACH_FILTER, &attached, sizeof(SockFprog)) == 0;
        }
    }
}
