// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;

namespace Capbox.Health;

/// <summary>One check of the self-test.</summary>
/// <param name="Name"><c>disk</c>, <c>recording</c>, <c>catalog</c>, <c>clock</c>, <c>mqtt</c>, <c>port/NAME</c>.</param>
/// <param name="Good">The check passed.</param>
/// <param name="Detail">One line.</param>
internal sealed record SelfTestItem(string Name, bool Good, string Detail);

/// <summary>Result of the command <c>self-test</c>.</summary>
internal sealed record SelfTestAnswer(bool Good, IReadOnlyList<SelfTestItem> Items);

/// <summary>Checks disk, recording, catalog, ports, clock and broker while the box records.</summary>
internal static class SelfTest
{
    public static SelfTestAnswer Run(BoxSnapshot box, string archive)
    {
        SelfTestItem[] items = [CheckDisk(archive), .. CheckCounters(box)];
        return new SelfTestAnswer(items.All(i => i.Good), items);
    }

    /// <summary>Checks what the counters show. Pure.</summary>
    public static IEnumerable<SelfTestItem> CheckCounters(BoxSnapshot box)
    {
        StorageSnapshot storage = box.Storage;
        yield return new SelfTestItem(
            "recording", storage.Fault is null, storage.Fault ?? $"{storage.Engine}, {(storage.Direct ? "direct" : "through the page cache")}");
        yield return new SelfTestItem("catalog", box.Archive is { Ready: true, Fault: null }, CatalogDetail(box));
        foreach (PortLedger port in box.Ports)
            yield return new SelfTestItem($"port/{port.Port}", port.State == PortState.Capturing, port.Fault ?? PortDetail(port));
        if (box.Clock is { } clock)
        {
            bool isLocked = clock is { State: ClockState.Locked, Fault: null };
            yield return new SelfTestItem("clock", isLocked, clock.Fault ?? clock.State.ToString().ToLowerInvariant());
        }

        if (box.Mqtt is { } mqtt)
        {
            string detail = mqtt.Fault ?? (mqtt.Connected ? $"connected to {mqtt.Broker}" : $"connecting to {mqtt.Broker}");
            yield return new SelfTestItem("mqtt", mqtt is { Connected: true, Fault: null }, detail);
        }
    }

    private static string CatalogDetail(BoxSnapshot box) => box.Archive is not { } archive
        ? "not looked at yet"
        : archive.Fault ?? (archive.Ready ? "in use" : "is being compared with the archive");

    private static string PortDetail(PortLedger port) =>
        $"{port.State.ToString().ToLowerInvariant()}, {port.Backend ?? "no backend"}, stamped by {(port.HardwareStamps ? "the NIC" : "the system clock")}";

    /// <summary>Writes a page beside the segments, syncs it and reads it back.</summary>
    private static SelfTestItem CheckDisk(string archive)
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

            bool isSame = File.ReadAllBytes(path).AsSpan().SequenceEqual(page);
            File.Delete(path);
            string detail = isSame ? "a page was written, synced and read back" : $"{path}: the page read is not the page written";
            return new SelfTestItem("disk", isSame, detail);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new SelfTestItem("disk", false, e.Message);
        }
    }
}
