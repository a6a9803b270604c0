// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Json;
using Capbox.Platform.Linux;

namespace Capbox.Config;

/// <summary>One element of <c>$.ports</c>.</summary>
public static class PortSection
{
    public const string FilterRange = "compiles, at most 65,536 characters when expanded";
    private const int MaxRings = 64, MaxCpu = 1023;

    private static readonly TextKey s_name = new(
        "name", "Interface, as `capbox ports` lists it. It may be missing or down at start: capture waits for it.")
    {
        IsRequired = true,
        MinLength = 1,
        MaxLength = 15,
        Range = "1 to 15 bytes, an interface name, each once in its namespace",
        Check = PortName.CheckInterface,
    };

    private static readonly TextKey s_netns = new("netns", "Network namespace that the interface is in, see below.")
    {
        MinLength = 1,
        MaxLength = 255,
        Range = "a name without slashes, or an absolute path; at most 255 bytes, no comma",
        Absent = "capbox's own",
    };

    private static readonly TextKey s_filter = new("filter", "tcpdump expression (pcap-filter(7)) with `@name` for named filters.")
    {
        Range = FilterRange,
        Absent = "everything",
    };

    private static readonly NumberKey s_snapLength = new("snapLength", Format.MaxSnapLength, 32, Format.MaxSnapLength, "Bytes stored of each packet.");

    private static readonly ChoiceKey<Direction> s_direction = new(
        "direction", "both", "Which packets, seen from the port.", ("both", Direction.Both), ("in", Direction.In), ("out", Direction.Out));

    private static readonly NumberKey s_rings = new("rings", 1, 1, MaxRings, "Rings, each with a thread of its own.");

    private static readonly ChoiceKey<FanoutMode> s_fanout = new(
        "fanout", "hash", "How packets are spread over the rings: by flow, or by the CPU they arrive on.", ("hash", FanoutMode.Hash), ("cpu", FanoutMode.Cpu));

    private static readonly SizeKey s_ringSize = new("ringSize", "64MiB", "192KiB", "64GiB", "Memory of each ring.")
    {
        Range = "192 KiB to 64 GiB, a multiple of `blockSize`, at least 3 blocks",
    };

    private static readonly SizeKey s_blockSize = new("blockSize", "1MiB", "64KiB", "16MiB", "Unit in which a ring is handed over and written.")
    {
        Range = "64 KiB to 16 MiB, a power of two",
    };

    private static readonly DurationKey s_handover = new(
        "handover", "100ms", "1ms", "10s", "A block that is not full is handed over after this time.");

    private static readonly ChoiceKey<TimestampSource> s_timestamps = new(
        "timestamps", "auto",
        "Clock that stamps the packets. `auto`: hardware where the NIC grants a stamp for every packet. `hardware`: that, or capbox does not start.",
        ("auto", TimestampSource.Auto), ("software", TimestampSource.Software), ("hardware", TimestampSource.Hardware));

    private static readonly ChoiceKey<OffloadMode> s_offloads = new(
        "offloads", "keep", "`off` turns GRO and LRO off while the port is captured and restores them afterwards.",
        ("keep", OffloadMode.Keep), ("off", OffloadMode.Off));

    private static readonly ChoiceKey<Backend> s_backend = new(
        "backend", "auto",
        "`packet`: packet sockets. `kmod`: the kernel module, or capbox does not start. `auto`: the module where it is loaded, has this program's ABI and grants "
        + "what it is asked for (memory, hooks), else packet sockets; a module that cannot be used is logged once.",
        ("auto", Backend.Auto), ("packet", Backend.Packet), ("kmod", Backend.Kmod));

    private static readonly (string Name, Hook Hook)[] s_hookNames =
    [
        ("ingress", Hook.Ingress), ("egress", Hook.Egress), ("pre-routing", Hook.PreRouting), ("local-in", Hook.LocalIn), ("forward", Hook.Forward),
        ("local-out", Hook.LocalOut), ("post-routing", Hook.PostRouting),
    ];

    private static readonly ArrayKey s_hooks = new(
        "hooks", "array of strings, each once", s_hookNames.Length,
        "Where in the stack packets are captured; not together with `direction`. The kernel module only.",
        static () => new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. s_hookNames.Select(h => (JsonNode)h.Name)]) })
    {
        IsUnique = true,
        Range = string.Join(", ", s_hookNames.Select(h => $"`{h.Name}`")),
        Absent = "`ingress` and `egress`, as `direction` says",
    };

    private static readonly FlagKey s_consume = new(
        "consume", "Packets are dropped at ingress after capture, also those that are not recorded: for a port that does nothing else. The kernel module only.");

    private static readonly ChoiceKey<Overflow> s_overflow = new(
        "overflow", "drop-newest",
        "What a full ring loses: arriving packets, or the oldest block that no writer has begun. `drop-oldest`: the kernel module only.",
        ("drop-newest", Overflow.DropNewest), ("drop-oldest", Overflow.DropOldest));

    private static readonly ArrayKey s_cpus = new(
        "cpus", "array of integers", MaxRings,
        "CPUs of the ring threads: ring *i* runs on `cpus[i mod count]`. For a CPU that is missing, or not this process's, capbox logs it and the kernel places the thread.",
        static () => new JsonObject { ["type"] = "integer", ["minimum"] = 0, ["maximum"] = MaxCpu })
    { Range = "0 to 1023, at most 64", Absent = "spread" };

    /// <summary>An element of the array.</summary>
    internal static readonly SectionKey Element = new(
        "ports[n]", "A port to record.",
        s_name, s_netns, s_filter, s_snapLength, s_direction, s_rings, s_fanout, s_ringSize, s_blockSize, s_handover, s_timestamps, s_offloads, s_backend, s_hooks,
        s_consume, s_overflow, s_cpus);

    internal static readonly ArrayKey Key = new(
        "ports", "array", RecordingPlan.MaxPorts, "Ports to record; `[]` records nothing, which makes sense with `--state`.", static () => Element.Schema())
    { IsRequired = true, Range = "0 to 16" };

    /// <summary>Expands and compiles an expression; one of a document that was accepted before is only expanded.</summary>
    /// <param name="expanded">What libpcap takes; null on failure, or when a name in it is broken, which has been said there.</param>
    /// <returns>Null or one line.</returns>
    public static string? CheckFilter(string expression, NamedFilters filters, IReadOnlySet<string> broken, int snapLength, out string? expanded)
    {
        expanded = null;
        if (string.IsNullOrWhiteSpace(expression))
            return "an empty filter; leave it out to record everything";
        if (NamedFilters.NamesIn(expression).Any(broken.Contains))
            return null;
        if (filters.TryExpand(expression, out string text) is { } problem)
            return problem;
        if (!filters.AreProved && FilterCompiler.Check(text, snapLength) is { } message)
            return $"\"{expression}\" does not compile: {message}";
        expanded = text;
        return null;
    }

    internal static PortOptions Read(JsonNodeReader node, NamedFilters filters, IReadOnlySet<string> broken)
    {
        string? given = s_name.Read(node);
        string? netns = ReadNetns(node);
        int snapLength = (int)s_snapLength.Read(node);
        PortOptions port = new()
        {
            Name = PortName.Join(netns, given ?? ""),
            SnapLength = snapLength,
            Filter = ReadFilter(node, filters, broken, snapLength),
            Direction = s_direction.Read(node),
            Rings = (int)s_rings.Read(node),
            Fanout = s_fanout.Read(node),
            BlockBytes = (int)s_blockSize.Read(node),
            RingBytes = s_ringSize.Read(node),
            HandoverMs = (int)s_handover.Read(node).TotalMilliseconds,
            Timestamps = s_timestamps.Read(node),
            Offloads = s_offloads.Read(node),
            Backend = s_backend.Read(node),
            Hooks = ReadHooks(node),
            Consume = s_consume.Read(node),
            Overflow = s_overflow.Read(node),
            Cpus = ReadCpus(node),
        };
        if (port is { Filter: not null, HasNetworkHooks: true } && !filters.AreProved && FilterCompiler.CheckNetworkLayer(port.Filter, snapLength) is { } raw)
            node.Error(s_filter.Name, raw);
        CheckModule(node, port);
        CheckRing(node, port);
        node.Finish();
        return port;
    }

    /// <summary>A namespace that is not there is waited for, as an interface is; what is there and is none will never be one.</summary>
    private static string? ReadNetns(JsonNodeReader node)
    {
        if (s_netns.Read(node) is not { } netns)
            return null;
        string? problem = PortName.CheckNetns(netns);
        if (problem is null && PortName.FindNetns(netns, out bool isWrong) is { } found && isWrong)
            problem = found;
        if (problem is null)
            return netns;
        node.Error(s_netns.Name, problem);
        return null;
    }

    private static string? ReadFilter(JsonNodeReader node, NamedFilters filters, IReadOnlySet<string> broken, int snapLength)
    {
        if (s_filter.Read(node) is not { } expression)
            return null;
        if (CheckFilter(expression, filters, broken, snapLength, out string? expanded) is { } problem)
            node.Error(s_filter.Name, problem);
        return expanded;
    }

    private static void CheckRing(JsonNodeReader node, PortOptions port)
    {
        string block = Units.FormatSize(port.BlockBytes);
        if (!BitOperations.IsPow2(port.BlockBytes))
            node.Error(s_blockSize.Name, $"{block} is not a power of two");
        else if (port.RingBytes % port.BlockBytes != 0)
            node.Error(s_ringSize.Name, $"{Units.FormatSize(port.RingBytes)} is not a multiple of blockSize, {block}");
        else if (port.RingBytes < 3L * port.BlockBytes)
            node.Error(s_ringSize.Name, $"{Units.FormatSize(port.RingBytes)} is less than 3 blocks of {block}");
        else if (port.Backend == Backend.Kmod || port.NeedsModule)
            CheckModuleRing(node, port, block);
    }

    private static void CheckModuleRing(JsonNodeReader node, PortOptions port, string block)
    {
        if (port.BlockBytes > CapboxNumbers.CAPBOX_BLOCK_BYTES_MAX)
            node.Error(s_blockSize.Name, $"{block} is more than the kernel module's blocks may have, {Units.FormatSize(CapboxNumbers.CAPBOX_BLOCK_BYTES_MAX)}");
        else if (port.RingBytes / port.BlockBytes > CapboxNumbers.CAPBOX_BLOCKS_MAX)
            node.Error(s_ringSize.Name, $"{Units.FormatSize(port.RingBytes)} is more than {CapboxNumbers.CAPBOX_BLOCKS_MAX} blocks of {block}, the most that the kernel module's rings may have; a larger blockSize makes it fewer");
    }

    private static IReadOnlyList<Hook> ReadHooks(JsonNodeReader node)
    {
        List<Hook> hooks = [];
        foreach ((string path, JsonElement value) in s_hooks.Read(node))
        {
            string? text = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
            int index = Array.FindIndex(s_hookNames, h => h.Name == text);
            if (index < 0)
                node.ErrorAt(path, $"expected one of {string.Join(", ", s_hookNames.Select(h => h.Name))}, found {JsonNodeReader.Describe(value)}");
            else if (hooks.Contains(s_hookNames[index].Hook))
                node.ErrorAt(path, $"\"{text}\" is there twice");
            else
                hooks.Add(s_hookNames[index].Hook);
        }

        if (hooks.Count == 0)
            return [];
        return hooks;
    }

    /// <summary>What only the kernel module can do, and what it cannot.</summary>
    private static void CheckModule(JsonNodeReader node, PortOptions port)
    {
        if (port.Hooks.Count > 0 && port.Direction != Direction.Both)
            node.Error(s_direction.Name, "hooks say which direction is recorded; leave one of the two out");
        if (port.Consume && (port.Hooks.Count > 0 ? !port.Hooks.Contains(Hook.Ingress) : port.Direction == Direction.Out))
            node.Error(s_consume.Name, "packets are consumed at ingress, which this port does not record");
        if (port.Backend != Backend.Packet)
            return;
        string? key = port.Hooks.Count > 0 ? s_hooks.Name : port.Consume ? s_consume.Name : port.Overflow == Overflow.DropOldest ? s_overflow.Name : null;
        if (key is not null)
            node.Error(key, "the kernel module alone can do this; backend is packet");
    }

    private static List<int> ReadCpus(JsonNodeReader node)
    {
        List<int> cpus = [];
        foreach ((string path, JsonElement value) in s_cpus.Read(node))
        {
            if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int cpu) && cpu is >= 0 and <= MaxCpu)
                cpus.Add(cpu);
            else
                node.ErrorAt(path, string.Create(CultureInfo.InvariantCulture, $"expected a CPU number from 0 to {MaxCpu}, found {JsonNodeReader.Describe(value)}"));
        }

        return cpus;
    }
}
