// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Capbox.Health;
using Capbox.Packets.Capture;

namespace Capbox.Mqtt;

/// <summary>
/// Makes the five messages of telemetry out of two looks at the counters. Nothing else is asked; the recording does not notice.
/// </summary>
/// <param name="run">Identity in the head of each message.</param>
internal sealed class Telemetry(BoxRun run)
{
    private ulong _sequence;
    private BoxSnapshot? _before;
    private TimeSpan _cpuBefore;

    /// <summary>Topic suffix and payload of each.</summary>
    public IEnumerable<(string Suffix, byte[] Payload)> Make(BoxSnapshot now, MqttCounts counts)
    {
        MessageHead head = run.Head(now.At, ++_sequence);
        double? seconds = _before is { } before && now.Uptime > before.Uptime ? (now.Uptime - before.Uptime).TotalSeconds : null;
        MqttJson json = MqttJson.Default;
        yield return ("telemetry/capture", JsonSerializer.SerializeToUtf8Bytes(new CaptureTelemetry(head, now.Uptime.TotalSeconds, [.. now.Ports.Select(p => Of(p, seconds))]), json.CaptureTelemetry));
        yield return ("telemetry/storage", JsonSerializer.SerializeToUtf8Bytes(Storage(head, now, seconds), json.StorageTelemetry));
        yield return ("telemetry/clock", JsonSerializer.SerializeToUtf8Bytes(new ClockTelemetry(head, now.Clock is { } c ? c with { BoundNs = c.BoundNs is { } b && double.IsFinite(b) ? b : null } : null), json.ClockTelemetry));
        yield return ("telemetry/nic", JsonSerializer.SerializeToUtf8Bytes(
            new NicTelemetry(head, [.. now.Ports.Select(p => new NicPortTelemetry(p.Port, p.CurrentName, p.LostNic, p.LostHost, p.InterfaceDrops))]), json.NicTelemetry));
        yield return ("telemetry/system", JsonSerializer.SerializeToUtf8Bytes(System(head, seconds, counts), json.SystemTelemetry));
        _before = now;
    }

    private PortTelemetry Of(PortLedger p, double? seconds)
    {
        PortLedger? was = _before?.Ports.FirstOrDefault(b => b.Port == p.Port);
        return new PortTelemetry(
            p.Port, p.State.ToString(), p.Fault, p.Backend, p.HardwareStamps, p.SeenPackets, p.StoredPackets, p.StoredBytes, p.FilteredPackets, p.DiscardedPackets, p.PendingPackets, p.LostRing, p.LostDisk,
            p.LostNic, p.LostHost, p.TruncatedPackets, p.RingFreezes, p.Rings, p.Gap.TotalSeconds, Rate(p.StoredPackets, was?.StoredPackets, seconds), Rate(p.StoredBytes, was?.StoredBytes, seconds) * 8,
            Rate(p.LostPackets, was?.LostPackets, seconds));
    }

    private StorageTelemetry Storage(MessageHead head, BoxSnapshot now, double? seconds) => new(
        head, now.Storage.SegmentsSealed, now.Storage.BytesWritten, Rate(now.Storage.BytesWritten, _before?.Storage.BytesWritten, seconds), now.Storage.WriteErrors, now.Storage.Fault, now.Storage.Engine,
        now.Storage.Direct, now.Storage.FreeBytes, now.Archive?.Segments, now.Archive?.Bytes, now.Archive?.OldestAgeSeconds, now.Archive?.Holds, now.Archive?.HeldBytes, now.Archive?.Deleted, now.Archive?.Fault);

    private SystemTelemetry System(MessageHead head, double? seconds, MqttCounts counts)
    {
        using var process = Process.GetCurrentProcess();
        TimeSpan cpu = process.TotalProcessorTime;
        double? percent = seconds is { } s ? (cpu - _cpuBefore).TotalSeconds / s * 100 : null;
        _cpuBefore = cpu;
        return new SystemTelemetry(head, percent, process.WorkingSet64, GC.GetTotalMemory(false), process.Threads.Count, Load(), counts);
    }

    private static double? Load() =>
        double.TryParse(File.ReadAllText("/proc/loadavg").Split(' ')[0], NumberStyles.Float, CultureInfo.InvariantCulture, out double load) ? load : null;

    /// <summary>Null in the first message, and of a port that begins anew.</summary>
    private static double? Rate(ulong now, ulong? before, double? seconds) => before is { } b && now >= b && seconds is { } s ? (now - b) / s : null;
}
