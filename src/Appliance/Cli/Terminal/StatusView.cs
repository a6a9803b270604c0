// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Health;
using Capbox.Packets.Capture;

namespace Capbox.Cli;

/// <summary>Snapshots as text: pure functions. Worst news first, and never told by colour alone.</summary>
internal static class StatusView
{
    /// <summary>The live block: one line per port, the disk, and what is wrong.</summary>
    /// <param name="before">An earlier snapshot, to make rates of.</param>
    /// <param name="now">The snapshot to show.</param>
    /// <param name="widthColumns">Lines are cut to this, since one that wraps cannot be redrawn.</param>
    public static IReadOnlyList<string> Live(RecorderSnapshot before, RecorderSnapshot now, int widthColumns)
    {
        double seconds = (now.Uptime - before.Uptime).TotalSeconds;
        List<string> lines = [$"capbox recording for {Humanize.Duration(now.Uptime)}; Ctrl-C seals and ends"];
        lines.AddRange(Table(before, now, seconds));
        if (now.Trigger is { } trigger)
            lines.Add(TriggerText(trigger));
        StorageSnapshot storage = now.Storage;
        lines.Add(
            $"disk  {Humanize.Bytes(Rate(storage.BytesWritten, before.Storage.BytesWritten, seconds))}/s, {Humanize.Bytes(storage.BytesWritten)} written, "
            + $"{Humanize.Bytes(storage.FreeBytes)} free, {storage.Engine}{(storage.Direct ? ", direct" : ", page cache")}");
        lines.Add($"file  {storage.CurrentSegment ?? "none"}, {Humanize.Count(storage.SegmentsSealed)} sealed");
        lines.AddRange(now.Ports.Where(p => p.Fault is not null).Select(p => $"FAULT {p.Fault}"));
        if (storage.Fault is { } fault)
            lines.Add($"FAULT {fault} ({Humanize.Count(storage.WriteErrors)} write errors)");
        if (now is BoxSnapshot box)
            AddBeside(lines, box);
        return [.. lines.Select(line => line.Length <= widthColumns ? line : line[..widthColumns])];
    }

    /// <summary>What lies beside the recording, and what is wrong there.</summary>
    private static void AddBeside(List<string> lines, BoxSnapshot box)
    {
        if (box.Clock is { } clock)
            lines.AddRange(ClockView.Lines(clock));
        if (box.Archive is { } archive)
        {
            lines.Add(
                $"archive  {Humanize.Count((ulong)archive.Segments)} segments, {Humanize.Bytes(archive.Bytes)}, oldest {Humanize.Duration(TimeSpan.FromSeconds(archive.OldestAgeSeconds))}, "
                + $"{archive.Holds} holds keep {Humanize.Bytes(archive.HeldBytes)}, {Humanize.Count((ulong)archive.Deleted)} deleted");
            if (archive.Fault is { } fault)
                lines.Add($"FAULT {fault}");
        }

        if (box.Mqtt is { } mqtt)
            lines.Add(mqtt.Fault is { } problem ? $"FAULT mqtt: {problem}" : $"mqtt  {(mqtt.Connected ? "connected to" : "connecting to")} {mqtt.Broker}");
        if (box.Custody is { } custody)
            lines.Add(custody.Fault is { } broken ? $"FAULT custody: {broken}" : $"custody  {Humanize.Count(custody.Entries)} entries, {custody.Waiting} waiting, head {custody.Head[..16]}");
    }

    private static IReadOnlyList<string> Table(RecorderSnapshot before, RecorderSnapshot now, double seconds)
    {
        // What was let go is a column where there is such a thing.
        string[] letGo = now.Trigger is null ? [] : [">DISCARDED"];
        TextTable table = new(["PORT", "STATE", "CLOCK", ">PKT/S", ">RATE", ">STORED", ">FILTERED", .. letGo, ">LOST", "(RING/DISK/NIC/HOST)"]);
        foreach (PortLedger port in now.Ports)
        {
            PortLedger? earlier = before.Ports.FirstOrDefault(p => p.Port == port.Port);
            string[] discarded = now.Trigger is null ? [] : [Humanize.Count(port.DiscardedPackets)];
            table.Add([
                NameText(port), StateText(port), port.HardwareStamps ? "nic" : "system", Humanize.Scaled(Rate(port.SeenPackets, earlier?.SeenPackets, seconds)),
                Humanize.Scaled(8 * Rate(port.StoredBytes, earlier?.StoredBytes, seconds)) + "b/s", Humanize.Count(port.StoredPackets),
                Humanize.Count(port.FilteredPackets), .. discarded, Humanize.Count(port.LostPackets), CauseText(port)]);
        }

        return [.. table.Lines()];
    }

    private static string TriggerText(TriggerSnapshot trigger)
    {
        string state = trigger.Writing
            ? $"WRITING window {Humanize.Count(trigger.Windows)}"
            : string.Create(CultureInfo.InvariantCulture, $"keeping; a trigger reaches back {trigger.ReachSeconds:0.0} s of {trigger.BeforeSeconds:0.0} s, {trigger.Windows} windows so far");
        return trigger.LastReason is null ? $"trigger  {state}" : $"trigger  {state}, last: {trigger.LastReason}";
    }

    /// <summary>The state of everything in one line, for a log.</summary>
    public static string Summary(RecorderSnapshot before, RecorderSnapshot now)
    {
        double seconds = (now.Uptime - before.Uptime).TotalSeconds;
        List<string> parts = [];
        foreach (PortLedger port in now.Ports)
        {
            double rate = Rate(port.SeenPackets, before.Ports.FirstOrDefault(p => p.Port == port.Port)?.SeenPackets, seconds);
            parts.Add($"{NameText(port)} {StateText(port)} {Humanize.Scaled(rate).TrimEnd()}/s stored {port.StoredPackets} filtered {port.FilteredPackets}"
                + (now.Trigger is null ? "" : $" discarded {port.DiscardedPackets}") + $" lost {port.LostPackets}");
        }

        if (now.Trigger is { } trigger)
            parts.Add(TriggerText(trigger));

        parts.Add($"disk {Humanize.Bytes(Rate(now.Storage.BytesWritten, before.Storage.BytesWritten, seconds))}/s, {Humanize.Bytes(now.Storage.FreeBytes)} free");
        if (now.Storage.Fault is { } fault)
            parts.Add($"FAULT {fault}");
        return string.Join("; ", parts);
    }

    /// <summary>The final account: every packet seen is in exactly one of the counts.</summary>
    public static IReadOnlyList<string> Ledger(RecorderSnapshot final, string directory)
    {
        List<string> lines = [];
        foreach (PortLedger port in final.Ports)
        {
            string line =
                $"{NameText(port)}: seen {Humanize.Count(port.SeenPackets)} = stored {Humanize.Count(port.StoredPackets)} ({Humanize.Bytes(port.StoredBytes)})"
                + $" + filtered {Humanize.Count(port.FilteredPackets)}{(final.Trigger is null ? "" : $" + discarded {Humanize.Count(port.DiscardedPackets)}")} + lost {Humanize.Count(port.LostPackets)}"
                + $" (ring {Humanize.Count(port.LostRing)}, disk {Humanize.Count(port.LostDisk)}, nic {Humanize.Count(port.LostNic)}, host {Humanize.Count(port.LostHost)})";
            if (port.PendingPackets > 0)
                line += $" + pending {Humanize.Count(port.PendingPackets)}";
            if (port.TruncatedPackets > 0)
                line += $"; {Humanize.Count(port.TruncatedPackets)} cut to the snap length";
            if (port.Gap > TimeSpan.Zero)
                line += string.Create(CultureInfo.InvariantCulture, $"; down or missing for {port.Gap.TotalSeconds:0.0} s");
            lines.Add(line);
        }

        lines.AddRange(final.Storage.RecentlySealed);
        ulong notNamed = final.Storage.SegmentsSealed - Math.Min(final.Storage.SegmentsSealed, (ulong)final.Storage.RecentlySealed.Count);
        if (notNamed > 0)
            lines.Add($"and {Humanize.Count(notNamed)} earlier segments in {directory}");
        if (final.Storage.SegmentsSealed == 0)
            lines.Add("no segment was written");
        return lines;
    }

    private static double Rate(ulong now, ulong? before, double seconds) => seconds <= 0 || before is null || now < before ? 0 : (now - before.Value) / seconds;

    private static string NameText(PortLedger port) => port.CurrentName == port.Port ? port.Port : $"{port.Port} (now {port.CurrentName})";

    private static string StateText(PortLedger port) => port.State switch
    {
        PortState.Capturing => "capturing",
        PortState.Down => "DOWN",
        PortState.Missing => "MISSING",
        _ => "stopped",
    };

    private static string CauseText(PortLedger port) =>
        port.LostPackets == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{port.LostRing}/{port.LostDisk}/{port.LostNic}/{port.LostHost}");
}
