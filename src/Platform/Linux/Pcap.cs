// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>libpcap, for compiling filter expressions only; pcap(3PCAP).</summary>
[CHeaders("pcap/pcap.h")]
internal static unsafe partial class Pcap
{
    private const string Library = "libpcap.so.0.8";
    public const int PCAP_ERRBUF_SIZE = 256;
    public const int DLT_RAW = 12;

    /// <summary>Makes pcap_compile optimise the program: not zero.</summary>
    [OwnChoice] public const int Optimize = 1;

    /// <summary>With it libpcap rejects "ip broadcast" and compiles all else.</summary>
    public const uint PCAP_NETMASK_UNKNOWN = 0xFFFFFFFF;

    [LibraryImport(Library)]
    public static partial nint pcap_open_dead(int linkType, int snapLength);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint pcap_create(string device, byte* errorBuffer);

    [LibraryImport(Library)]
    public static partial int pcap_set_snaplen(nint handle, int snapLength);

    [LibraryImport(Library)]
    public static partial int pcap_set_buffer_size(nint handle, int bytes);

    [LibraryImport(Library)]
    public static partial int pcap_set_timeout(nint handle, int milliseconds);

    [LibraryImport(Library)]
    public static partial int pcap_activate(nint handle);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int pcap_compile(nint handle, BpfProgram* program, string expression, int optimize, uint netmask);

    [LibraryImport(Library)]
    public static partial void pcap_freecode(BpfProgram* program);

    /// <summary>
    /// Runs a program over a packet in memory. It ends after at most as many steps as the program is long, so no transition of the
    /// collector is needed.
    /// </summary>
    [LibraryImport(Library)]
    [SuppressGCTransition]
    public static partial uint bpf_filter(SockFilter* program, byte* packet, uint wireLength, uint capturedLength);

    [LibraryImport(Library)]
    public static partial byte* pcap_geterr(nint handle);

    [LibraryImport(Library)]
    public static partial void pcap_close(nint handle);
}

/// <summary>struct bpf_program, pcap/bpf.h. struct bpf_insn has the layout of <see cref="SockFilter"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct bpf_program", "pcap/pcap.h", Prefix = "bf_")]
internal unsafe struct BpfProgram
{
    [CField("bf_len")] public uint Length;
    [CField("bf_insns")] public SockFilter* Instructions;
}
