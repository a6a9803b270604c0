using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Capbox.Packets.Capture;
using Capbox.Platform.Json;
using Capbox.Platform.Linux;

namespace Capbox.Config;

/// <summary>One element of <c>$.ports</c>.</summary>
public static class PortSection
{
    private const int MaxRings = 64, MaxCpu = 1023;

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
        string? given = node.Text("name", required: true);
        if (given is not null && PortName.CheckInterface(given) is { } problem)
            node.Error("name", problem);
        string? netns = ReadNetns(node);
        int snapLength = (int)node.Number("snapLength", Packets.Pcapng.Format.MaxSnapLength, 32, Packets.Pcapng.Format.MaxSnapLength);
        PortOptions port = new()
        {
            Name = PortName.Join(netns, given ?? ""),
            SnapLength = snapLength,
            Filter = ReadFilter(node, filters, broken, snapLength),
            Direction = node.Choice("direction", Direction.Both, ("both", Direction.Both), ("in", Direction.In), ("out", Direction.Out)),
            Rings = (int)node.Number("rings", 1, 1, MaxRings),
            Fanout = node.Choice("fanout", FanoutMode.Hash, ("hash", FanoutMode.Hash), ("cpu", FanoutMode.Cpu)),
            BlockBytes = (int)node.SizeBytes("blockSize", 1 << 20, 64 << 10, 16 << 20),
            RingBytes = node.SizeBytes("ringSize", 64L << 20, 192 << 10, 64L << 30),
            HandoverMs = (int)node.DurationMs("handover", 100, 1, 10_000),
            Timestamps = node.Choice(
                "timestamps", TimestampSource.Auto, ("auto", TimestampSource.Auto), ("software", TimestampSource.Software),
                ("hardware", TimestampSource.Hardware)),
            Offloads = node.Choice("offloads", OffloadMode.Keep, ("keep", OffloadMode.Keep), ("off", OffloadMode.Off)),
            Backend = node.Choice("backend", Backend.Auto, ("auto", Backend.Auto), ("packet", Backend.Packet), ("kmod", Backend.Kmod)),
            Hooks = ReadHooks(node),
            Consume = node.Flag("consume", false),
            Overflow = node.Choice("overflow", Overflow.DropNewest, ("drop-newest", Overflow.DropNewest), ("drop-oldest", Overflow.DropOldest)),
            Cpus = ReadCpus(node),
        };
        if (port is { Filter: not null, HasNetworkHooks: true } && !filters.AreProved && FilterCompiler.CheckNetworkLayer(port.Filter, snapLength) is { } raw)
            node.Error("filter", raw);
        CheckModule(node, port);
        CheckRing(node, port);
        node.Finish();
        return port;
    }

    /// <summary>A namespace that is not there is waited for, as an interface is; what is there and is none will never be one.</summary>
    private static string? ReadNetns(JsonNodeReader node)
    {
        if (node.Text("netns") is not { } netns)
            return null;
        string? problem = PortName.CheckNetns(netns);
        if (problem is null && PortName.FindNetns(netns, out bool isWrong) is { } found && isWrong)
            problem = found;
        if (problem is null)
            return netns;
        node.Error("netns", problem);
        return null;
    }

    private static string? ReadFilter(JsonNodeReader node, NamedFilters filters, IReadOnlySet<string> broken, int snapLength)
    {
        if (node.Text("filter") is not { } expression)
            return null;
        if (CheckFilter(expression, filters, broken, snapLength, out string? expanded) is { } problem)
            node.Error("filter", problem);
        return expanded;
    }

    private static void CheckRing(JsonNodeReader node, PortOptions port)
    {
        string block = Units.FormatSize(port.BlockBytes);
        if (!BitOperations.IsPow2(port.BlockBytes))
            node.Error("blockSize", $"{block} is not a power of two");
        else if (port.RingBytes % port.BlockBytes != 0)
            node.Error("ringSize", $"{Units.FormatSize(port.RingBytes)} is not a multiple of blockSize, {block}");
        else if (port.RingBytes < 3L * port.BlockBytes)
            node.Error("ringSize", $"{Units.FormatSize(port.RingBytes)} is less than 3 blocks of {block}");
        else if (port.Backend == Backend.Kmod || port.NeedsModule)
            CheckModuleRing(node, port, block);
    }

    private static void CheckModuleRing(JsonNodeReader node, PortOptions port, string block)
    {
        if (port.BlockBytes > CapboxNumbers.CAPBOX_BLOCK_BYTES_MAX)
            node.Error("blockSize", $"{block} is more than the kernel module's blocks may have, {Units.FormatSize(CapboxNumbers.CAPBOX_BLOCK_BYTES_MAX)}");
        else if (port.RingBytes / port.BlockBytes > CapboxNumbers.CAPBOX_BLOCKS_MAX)
            node.Error("ringSize", $"{Units.FormatSize(port.RingBytes)} is more than {CapboxNumbers.CAPBOX_BLOCKS_MAX} blocks of {block}, the most that the kernel module's rings may have; a larger blockSize makes it fewer");
    }

    private static readonly (string Name, Hook Hook)[] s_hooks =
    [
        ("ingress", Hook.Ingress), ("egress", Hook.Egress), ("pre-routing", Hook.PreRouting), ("local-in", Hook.LocalIn), ("forward", Hook.Forward),
        ("local-out", Hook.LocalOut), ("post-routing", Hook.PostRouting),
    ];

    private static IReadOnlyList<Hook> ReadHooks(JsonNodeReader node)
    {
        List<Hook> hooks = [];
        foreach ((string path, JsonElement value) in node.Array("hooks", s_hooks.Length))
        {
            string? text = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
            int index = Array.FindIndex(s_hooks, h => h.Name == text);
            if (index < 0)
                node.ErrorAt(path, $"expected one of {string.Join(", ", s_hooks.Select(h => h.Name))}, found {JsonNodeReader.Describe(value)}");
            else if (hooks.Contains(s_hooks[index].Hook))
                node.ErrorAt(path, $"\"{text}\" is there twice");
            else
                hooks.Add(s_hooks[index].Hook);
        }

        if (hooks.Count == 0)
            return [];
        return hooks;
    }

    /// <summary>What only the kernel module can do, and what it cannot.</summary>
    private static void CheckModule(JsonNodeReader node, PortOptions port)
    {
        if (port.Hooks.Count > 0 && port.Direction != Direction.Both)
            node.Error("direction", "hooks say which direction is recorded; leave one of the two out");
        if (port.Consume && (port.Hooks.Count > 0 ? !port.Hooks.Contains(Hook.Ingress) : port.Direction == Direction.Out))
            node.Error("consume", "packets are consumed at ingress, which this port does not record");
        if (port.Backend != Backend.Packet)
            return;
        string? key = port.Hooks.Count > 0 ? "hooks" : port.Consume ? "consume" : port.Overflow == Overflow.DropOldest ? "overflow" : null;
        if (key is not null)
            node.Error(key, "the kernel module alone can do this; backend is packet");
    }

    private static List<int> ReadCpus(JsonNodeReader node)
    {
        List<int> cpus = [];
        foreach ((string path, JsonElement value) in node.Array("cpus", MaxRings))
        {
            if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int cpu) && cpu is >= 0 and <= MaxCpu)
                cpus.Add(cpu);
            else
                node.ErrorAt(path, string.Create(CultureInfo.InvariantCulture, $"expected a CPU number from 0 to {MaxCpu}, found {JsonNodeReader.Describe(value)}"));
        }

        return cpus;
    }
}
