// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>
/// An expression does not compile for an interface that exists; libpcap's message. It may compile later: libpcap looks names up.
/// </summary>
internal sealed class FilterException(string message, Exception? inner = null) : IOException(message, inner);

/// <summary>
/// Compiles tcpdump expressions with libpcap into the classic BPF programs that packet sockets run. From any thread: libpcap's
/// compiler is reentrant since 1.8, and one that looks up a name must not block the others.
/// </summary>
[CHeaders("pcap/pcap.h")]
internal static unsafe class FilterProgram
{
    // LINKTYPE_ numbers of files, pcap-linktype(7)
    [CConstant("DLT_EN10MB")] private const int LinkTypeEthernet = 1;
    [OwnChoice] private const int LinkTypeRaw = 101;
    [OwnChoice] private const int LiveBufferBytes = 1 << 20;

    /// <summary>Null if the expression compiles for the link type (LINKTYPE_ number), else libpcap's message.</summary>
    public static string? Check(string expression, int snapLength, int linkType = LinkTypeEthernet)
    {
        nint handle = Pcap.pcap_open_dead(DataLink(linkType), snapLength);
        try
        {
            return Compile(handle, expression, out _);
        }
        finally
        {
            Pcap.pcap_close(handle);
        }
    }

    /// <summary>Compiles for packets of a file: VLAN tags are where they were on the wire.</summary>
    /// <exception cref="FormatException">The expression does not compile; libpcap's message.</exception>
    public static SockFilter[] CompileOffline(string expression, int snapLength, int linkType)
    {
        nint handle = Pcap.pcap_open_dead(DataLink(linkType), snapLength);
        try
        {
            string? message = Compile(handle, expression, out SockFilter[] program);
            return message is null ? program : throw new FormatException($"filter \"{expression}\": {message}");
        }
        finally
        {
            Pcap.pcap_close(handle);
        }
    }

    /// <summary>
    /// Compiles for a live interface. The kernel removes the outer VLAN tag before the filter runs; only with an activated handle
    /// does libpcap compile "vlan" into a test of the packet's metadata.
    /// </summary>
    /// <exception cref="FilterException">The expression does not compile.</exception>
    /// <exception cref="IOException">The interface cannot be opened; the message names it.</exception>
    public static SockFilter[] CompileLive(string device, string expression, int snapLength)
    {
        byte* error = stackalloc byte[Pcap.PCAP_ERRBUF_SIZE];
        nint handle = Pcap.pcap_create(device, error);
        if (handle == 0)
            throw new IOException($"{device}: {Marshal.PtrToStringUTF8((nint)error)}");
        try
        {
            _ = Pcap.pcap_set_snaplen(handle, snapLength);
            _ = Pcap.pcap_set_buffer_size(handle, LiveBufferBytes);
            _ = Pcap.pcap_set_timeout(handle, 1000);
            int result = Pcap.pcap_activate(handle);
            if (result < 0)
                throw new IOException($"{device}: {Marshal.PtrToStringUTF8((nint)Pcap.pcap_geterr(handle))} (pcap_activate {result})");
            string? message = Compile(handle, expression, out SockFilter[] program);
            return message is null ? program : throw new FilterException($"filter \"{expression}\": {message}");
        }
        finally
        {
            Pcap.pcap_close(handle);
        }
    }

    /// <summary>Accepts everything, <paramref name="snapLength"/> bytes of it.</summary>
    public static SockFilter[] AcceptAll(int snapLength) => [Return((uint)snapLength)];

    /// <summary>Rejects everything: a ring before its start and after its stop.</summary>
    public static SockFilter[] RejectAll() => [Return(0)];

    /// <summary>
    /// The program that accepts one byte of exactly those packets that <paramref name="program"/> rejects. libpcap's programs
    /// return constants only, so swapping those is the negation.
    /// </summary>
    public static SockFilter[] Negate(SockFilter[] program) =>
        Array.ConvertAll(program, i => i.Code == SocketNumbers.BPF_RET_K ? Return(i.K == 0 ? 1u : 0u) : i);

    /// <summary>Puts a test in front of the program that rejects all but packets this machine sends.</summary>
    public static SockFilter[] OutgoingOnly(SockFilter[] program) =>
    [
        new SockFilter(SocketNumbers.BPF_LD_W_ABS, 0, 0, SocketNumbers.SKF_AD_PKTTYPE),
        new SockFilter(SocketNumbers.BPF_JEQ_K, 1, 0, SocketNumbers.PACKET_OUTGOING),
        Return(0),
        .. program,
    ];

    /// <summary>libpcap's own number of a link type: the same as in files but for a few, of which capbox records raw IP.</summary>
    private static int DataLink(int linkType) => linkType == LinkTypeRaw ? Pcap.DLT_RAW : linkType;

    private static SockFilter Return(uint bytes) => new(SocketNumbers.BPF_RET_K, 0, 0, bytes);

    private static string? Compile(nint handle, string expression, out SockFilter[] program)
    {
        BpfProgram compiled = default;
        program = [];
        if (Pcap.pcap_compile(handle, &compiled, expression, Pcap.Optimize, Pcap.PCAP_NETMASK_UNKNOWN) != 0)
            return Marshal.PtrToStringUTF8((nint)Pcap.pcap_geterr(handle)) ?? "unknown error";
        program = new Span<SockFilter>(compiled.Instructions, (int)compiled.Length).ToArray();
        Pcap.pcap_freecode(&compiled);
        return program.Length <= ushort.MaxValue ? null : $"program of {program.Length} instructions is too long";
    }
}
