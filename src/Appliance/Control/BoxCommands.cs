using System.Text.Json;
using System.Text.Json.Serialization;
using Capbox.Capture;
using Capbox.Nic;
using Capbox.Storage;

namespace Capbox.Control;

/// <summary>One thing that <c>self-test</c> looked at.</summary>
/// <param name="Name"><c>disk</c>, <c>catalog</c>, <c>clock</c>, <c>port/NAME</c>.</param>
/// <param name="Good">It is as it should be.</param>
/// <param name="Detail">One line.</param>
internal sealed record SelfTestItem(string Name, bool Good, string Detail);

/// <summary>Result of <c>self-test</c>.</summary>
internal sealed record SelfTestAnswer(bool Good, IReadOnlyList<SelfTestItem> Items);

/// <summary>Commands about the machine. docs/CONTROL.md is their manual.</summary>
internal static class BoxCommands
{
    public static void AddTo(ControlCommands commands, Func<BoxSnapshot> snapshot, string archive)
    {
        commands.Add("ports", request =>
        {
            request.Done();
            using PortNamespace space = PortNamespace.TryOpen(null)!;
            return JsonSerializer.Serialize(PortInventory.List(space.Links), BoxJson.Default.IReadOnlyListPortInfo);
        });
        commands.Add("self-test", request =>
        {
            request.Done();
            SelfTestItem[] items = [TestDisk(archive), .. Judge(snapshot())];
            return JsonSerializer.Serialize(new SelfTestAnswer(items.All(i => i.Good), items), BoxJson.Default.SelfTestAnswer);
        });
    }

    /// <summary>What the counters say. Pure.</summary>
    public static IEnumerable<SelfTestItem> Judge(BoxSnapshot box)
    {
        yield return new SelfTestItem("recording", box.Storage.Fault is null, box.Storage.Fault ?? $"{box.Storage.Engine}, {(box.Storage.Direct ? "direct" : "through the page cache")}");
        yield return new SelfTestItem("catalog", box.Archive is { Ready: true, Fault: null }, box.Archive is null ? "not looked at yet" : box.Archive.Fault ?? (box.Archive.Ready ? "in use" : "is being compared with the archive"));
        foreach (PortLedger port in box.Ports)
            yield return new SelfTestItem($"port/{port.Port}", port.State == PortState.Capturing, port.Fault ?? $"{port.State.ToString().ToLowerInvariant()}, {port.Backend ?? "no backend"}, stamped by {(port.HardwareStamps ? "the NIC" : "the system clock")}");
        if (box.Clock is { } clock)
            yield return new SelfTestItem("clock", clock is { State: Pcapng.ClockState.Locked, Fault: null }, clock.Fault ?? clock.State.ToString().ToLowerInvariant());
        if (box.Mqtt is { } mqtt)
            yield return new SelfTestItem("mqtt", mqtt is { Connected: true, Fault: null }, mqtt.Fault ?? (mqtt.Connected ? $"connected to {mqtt.Broker}" : $"connecting to {mqtt.Broker}"));
    }

    /// <summary>Writes a page, syncs it and reads it back, beside the segments.</summary>
    private static SelfTestItem TestDisk(string archive)
    {
        string path = ArchiveDirectory.StatePath(archive, "self-test");
        byte[] page = new byte[4096];
        Random.Shared.NextBytes(page);
        try
        {
            using (var file = new FileStream(path, FileMode.Create, FileAccess.Write))
            {
                file.Write(page);
                file.Flush(flushToDisk: true);
            }

            bool same = File.ReadAllBytes(path).AsSpan().SequenceEqual(page);
            File.Delete(path);
            return new SelfTestItem("disk", same, same ? "a page was written, synced and read back" : $"{path}: what was read is not what was written");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new SelfTestItem("disk", false, e.Message);
        }
    }
}

/// <summary>What the commands about the machine give; generated code, one line each.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(IReadOnlyList<PortInfo>))]
[JsonSerializable(typeof(SelfTestAnswer))]
internal sealed partial class BoxJson : JsonSerializerContext;
