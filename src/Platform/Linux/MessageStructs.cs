// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>struct msghdr, recvmsg(2), x86-64: 56 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 56)]
[CStruct("struct msghdr", "sys/socket.h", Prefix = "msg_")]
internal unsafe struct MessageHead
{
    [FieldOffset(0)] public void* Name;
    [FieldOffset(8), CField("msg_namelen")] public uint NameBytes;
    [FieldOffset(16), CField("msg_iov")] public IoVector* Vectors;
    [FieldOffset(24), CField("msg_iovlen")] public nuint VectorCount;
    [FieldOffset(32)] public void* Control;
    [FieldOffset(40), CField("msg_controllen")] public nuint ControlBytes;
    [FieldOffset(48)] public int Flags;
}

/// <summary>struct mmsghdr, recvmmsg(2), x86-64: 64 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
[CStruct("struct mmsghdr", "sys/socket.h", Prefix = "msg_")]
internal struct MessageEntry
{
    [FieldOffset(0), CField("msg_hdr")] public MessageHead Head;
    [FieldOffset(56), CField("msg_len")] public uint Bytes;
}

/// <summary>The result of recvmsg(2).</summary>
/// <param name="Bytes">Length of the data, or a negative errno.</param>
/// <param name="NameBytes">Length of the sender's address.</param>
/// <param name="ControlBytes">Length of the control messages.</param>
/// <param name="IsTruncated">True when data or control messages were longer than the room for them.</param>
internal readonly record struct ReceiveResult(int Bytes, int NameBytes, int ControlBytes, bool IsTruncated);
