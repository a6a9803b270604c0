// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Packets.Capture;

/// <summary>What the rings of a port are opened for.</summary>
/// <param name="Options">The port.</param>
/// <param name="Port">Its index.</param>
/// <param name="Link">Its interface, which is there and up.</param>
/// <param name="HandoverMs">A block that is not full is handed over after this long.</param>
/// <param name="HardwareStamps">The NIC stamps every packet.</param>
/// <param name="IsPreTrigger">Mode trigger.</param>
internal sealed record PortRequest(PortOptions Options, int Port, Link Link, int HandoverMs, bool HardwareStamps, bool IsPreTrigger);

/// <summary>
/// Which backend records a port, and its rings: `kmod` where capbox.ko is loaded and has this program's ABI, else `packet`. A configuration
/// that needs the module (hooks, consume, overflow drop-oldest) or asks for it is refused without it, never recorded otherwise.
/// </summary>
internal static class PortBackend
{
    /// <param name="options">The port.</param>
    /// <param name="warning">One line, when there is a module that cannot be used.</param>
    /// <returns>Auto is never returned.</returns>
    /// <exception cref="CaptureException">The module is asked for and cannot be used.</exception>
    private static Backend Choose(PortOptions options, out string? warning)
    {
        warning = null;
        if (options.Backend == Backend.Packet)
            return Backend.Packet;
        string? problem = Unusable(options, out bool isLoaded);
        if (problem is null)
            return Backend.Kmod;
        if (options.Backend == Backend.Kmod || options.NeedsModule)
            throw new CaptureException($"port {options.Name}: backend kmod: {problem}");
        warning = isLoaded ? $"{problem}; using packet" : null;
        return Backend.Packet;
    }

    /// <summary>True if packet sockets may do what the module does not.</summary>
    public static bool MayFallBack(PortOptions options) => options.Backend == Backend.Auto && !options.NeedsModule;

    /// <summary>For the log: why they do.</summary>
    public static string FallBackText(IOException problem) => $"{problem.Message}; using packet";

    /// <summary>The rings; nothing is captured before <see cref="PortRings.Start"/>.</summary>
    /// <param name="request">What for.</param>
    /// <param name="note">Receives details for the log.</param>
    /// <param name="warning">One line, when there is a module that cannot be used: packets are recorded all the same.</param>
    /// <exception cref="IOException">The kernel refused a step.</exception>
    /// <exception cref="CaptureException">The module is asked for and cannot be used.</exception>
    public static PortRings Open(PortRequest request, Action<string> note, out string? warning)
    {
        PortOptions options = request.Options;
        if (Choose(options, out warning) == Backend.Kmod)
        {
            try
            {
                return OpenKmod(request);
            }
            catch (IOException e) when (MayFallBack(options))
            {
                warning = FallBackText(e);
            }
        }

        return OpenPacket(request, note);
    }

    private static string? Unusable(PortOptions options, out bool isLoaded)
    {
        isLoaded = true;
        if (KmodSession.Probe(out string problem) is not { } version)
        {
            isLoaded = File.Exists(KmodSession.Device);
            return problem;
        }

        if (!version.Matches)
            return version.Mismatch;
        if (options.BlockBytes > CapboxNumbers.CAPBOX_BLOCK_BYTES_MAX)
            return $"blockSize: {options.BlockBytes} bytes are more than the module's blocks may have, "
                + $"{CapboxNumbers.CAPBOX_BLOCK_BYTES_MAX}";
        long blocks = options.RingBytes / options.BlockBytes;
        return blocks <= CapboxNumbers.CAPBOX_BLOCKS_MAX
            ? null
            : $"ringSize: {blocks} blocks are more than the module's rings may have, {CapboxNumbers.CAPBOX_BLOCKS_MAX}";
    }

    private static KmodPortRings OpenKmod(PortRequest request)
    {
        PortOptions options = request.Options;
        KmodSession session = KmodSession.Open(new KmodSetup(
            Hooks(options),
            options.Overflow == Overflow.DropOldest ? CapboxNumbers.CAPBOX_DROP_OLDEST : CapboxNumbers.CAPBOX_DROP_NEWEST, options.Consume,
            options.BlockBytes, (int)(options.RingBytes / options.BlockBytes), KmodBlockRing.HeadBytes, options.SnapLength,
                request.HandoverMs));
        try
        {
            if (options.Filter is not null)
                SetFilters(session, options, request.Link.Name);
            session.AddPort(
                request.Link.Index, Packets.Pcapng.Format.SoftwareInterface(request.Port),
                    Packets.Pcapng.Format.SoftwareInterface(request.Port) + 1, request.HardwareStamps);
            return new KmodPortRings(session, request.Port);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>The programs of the port's filter, or of none, for the hooks it has.</summary>
    /// <exception cref="IOException">The module refused, or the filter needs a link header where there is none.</exception>
    public static void SetFilters(KmodSession session, PortOptions options, string device)
    {
        uint hooks = Hooks(options);
        if ((hooks & LinkHooks) != 0)
            session.SetFilter(CapboxNumbers.CAPBOX_FILTER_LINK, Compile(options, device));
        if (options.HasNetworkHooks)
            session.SetFilter(
                CapboxNumbers.CAPBOX_FILTER_INET,
                options.Filter is null ? FilterProgram.AcceptAll(options.SnapLength) : CompileRaw(options.Filter, options.SnapLength));
    }

    private const uint LinkHooks = (1u << (int)CapboxNumbers.CAPBOX_HOOK_INGRESS) | (1u << (int)CapboxNumbers.CAPBOX_HOOK_EGRESS);

    private static uint Hooks(PortOptions options)
    {
        if (options.Hooks.Count == 0)
        {
            uint ingress = options.Direction == Direction.Out ? 0 : 1u << (int)CapboxNumbers.CAPBOX_HOOK_INGRESS;
            uint egress = options.Direction == Direction.In ? 0 : 1u << (int)CapboxNumbers.CAPBOX_HOOK_EGRESS;
            return ingress | egress;
        }

        uint bits = 0;
        foreach (Hook hook in options.Hooks)
            bits |= 1u << (int)hook;
        return bits;
    }

    /// <exception cref="FilterException">It does not compile.</exception>
    private static SockFilter[] CompileRaw(string filter, int snapLength)
    {
        try
        {
            return FilterProgram.CompileOffline(filter, snapLength, FilterCompiler.RawLinkType);
        }
        catch (FormatException e)
        {
            throw new FilterException(FilterCompiler.NoLinkHeader + e.Message, e);
        }
    }

    private static PacketPortRings OpenPacket(PortRequest request, Action<string> note)
    {
        PortOptions options = request.Options;
        SockFilter[] accept = Compile(options, request.Link.Name);
        var rings = new PacketPortRings(InDirection(options, accept), note);
        try
        {
            for (int i = 0; i < options.Rings; i++)
                rings.Add(OpenPacketRing(request, accept, isFirst: i == 0));
            rings.JoinFanout(options.Fanout);
            return rings;
        }
        catch
        {
            rings.Dispose();
            throw;
        }
    }

    private static PacketBlockRing OpenPacketRing(PortRequest request, SockFilter[] accept, bool isFirst)
    {
        PortOptions options = request.Options;
        bool ignoreOutgoing = options.Direction == Direction.In;
        var wanted = new PacketRingOptions(
            request.Link.Index, options.BlockBytes, (int)(options.RingBytes / options.BlockBytes), request.HandoverMs,
                ChunkLayout.PrivateBytes,
            Link.LinkHeaderBytes(request.Link.HardwareType), ignoreOutgoing, request.HardwareStamps);
        PacketRing ring = PacketRing.Open(wanted);
        FileDescriptor? counter = null;
        try
        {
            if (isFirst && options.Filter is not null)
                counter = PacketRing.OpenCounter(request.Link.Index, ignoreOutgoing, InDirection(options, FilterProgram.Negate(accept)));
            return new PacketBlockRing(ring, wanted, counter, request.Port, options.SnapLength, request.IsPreTrigger);
        }
        catch
        {
            counter?.Dispose();
            ring.Dispose();
            throw;
        }
    }

    /// <summary>The program of the port's filter, for packets with their link header.</summary>
    public static SockFilter[] Compile(PortOptions options, string device) =>
        options.Filter is null ? FilterProgram.AcceptAll(options.SnapLength)
            : FilterProgram.CompileLive(device, options.Filter, options.SnapLength);

    /// <summary>
    /// The program for the port's direction: PACKET_IGNORE_OUTGOING serves one, a test in front of the program the other.
    /// </summary>
    public static SockFilter[] InDirection(PortOptions options, SockFilter[] program) =>
        options.Direction == Direction.Out ? FilterProgram.OutgoingOnly(program) : program;
}
