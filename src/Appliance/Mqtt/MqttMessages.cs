// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization;
using Capbox.Changes;
using Capbox.Config;
using Capbox.Health;
using Capbox.Packets.Capture;
using Capbox.Platform.Json;

namespace Capbox.Mqtt;

/// <summary><c>state</c>.</summary>
/// <param name="State"><c>init</c>, <c>ready</c>, <c>disconnected</c> (a clean stop), <c>lost</c> (the broker's word).</param>
/// <param name="Session">Of this connection: a <c>lost</c> with another session is of an earlier one.</param>
internal sealed record StateMessage([property: Words("init", "ready", "disconnected", "lost")] string State, string Session);

/// <summary><c>info</c>.</summary>
/// <param name="BootId">Of this boot of the machine.</param>
/// <param name="Run">Of this start of capbox.</param>
/// <param name="MayConfigure">The box keeps its configuration itself; else <c>config/desired</c> is refused.</param>
/// <param name="ConfigSchema">SHA-256 of the configuration's schema: boxes with the same take the same documents.</param>
internal sealed record InfoMessage(string Model, string Serial, string DeviceId, string Version, string Os, string BootId, string Run, string Session, bool MayConfigure, string ConfigSchema, IReadOnlyList<string> Commands);

/// <summary><c>config/reported</c>.</summary>
/// <param name="Version">Of the proposal that this answers.</param>
/// <param name="Id">The same.</param>
/// <param name="HighestVersion">That was ever proposed here: the next one must be above it.</param>
/// <param name="Status"><c>applied</c>, <c>pending-confirm</c>, <c>rejected</c>, <c>rolled-back</c>.</param>
/// <param name="Errors">Why.</param>
/// <param name="Revision">In force, as the box counts.</param>
/// <param name="ConfirmBy">RFC 3339; null unless pending-confirm.</param>
/// <param name="Config">In force.</param>
internal sealed record ReportedMessage(
    long Version, string Id, long HighestVersion, ConfigStatus Status, IReadOnlyList<ConfigError> Errors, long Revision, string? ConfirmBy, JsonElement Config)
{
    public static ReportedMessage From(ConfigReport report)
    {
        using JsonDocument config = JsonDocument.Parse(report.Document);
        return new ReportedMessage(
            report.Version, report.Id, report.HighestVersion, report.Status, report.Errors, report.Revision, report.ConfirmBy, config.RootElement.Clone());
    }
}

/// <summary>One port in <c>telemetry/capture</c>. Counts since the start; rates since the message before, null in the first.</summary>
internal sealed record PortTelemetry(
    string Port, [property: Words("Capturing", "Down", "Missing", "Stopped")] string State, string? Fault, string? Backend, bool HardwareStamps, ulong SeenPackets, ulong StoredPackets, ulong StoredBytes, ulong FilteredPackets, ulong DiscardedPackets, ulong PendingPackets,
    ulong LostRing, ulong LostDisk, ulong LostNic, ulong LostHost, ulong TruncatedPackets, ulong RingFreezes, IReadOnlyList<RingLedger> Rings, double GapSeconds, double? PacketsPerSecond, double? BitsPerSecond, double? LostPerSecond);

/// <summary><c>telemetry/capture</c>.</summary>
internal sealed record CaptureTelemetry(MessageHead Head, double UptimeSeconds, IReadOnlyList<PortTelemetry> Ports);

/// <summary><c>telemetry/storage</c>.</summary>
internal sealed record StorageTelemetry(
    MessageHead Head, ulong SegmentsSealed, ulong BytesWritten, double? BytesPerSecond, ulong WriteErrors, string? Fault, string Engine, bool Direct, long FreeBytes, long? Segments, long? ArchiveBytes,
    long? OldestAgeSeconds, int? Holds, long? HeldBytes, long? Deleted, string? ArchiveFault);

/// <summary><c>telemetry/clock</c>: null clock where none is kept.</summary>
internal sealed record ClockTelemetry(MessageHead Head, Timing.ClockSnapshot? Clock);

/// <summary><c>telemetry/nic</c>: what was lost or dropped before the rings.</summary>
internal sealed record NicTelemetry(MessageHead Head, IReadOnlyList<NicPortTelemetry> Ports);

/// <summary>One port in <c>telemetry/nic</c>.</summary>
internal sealed record NicPortTelemetry(string Port, string CurrentName, ulong LostNic, ulong LostHost, ulong InterfaceDrops);

/// <summary><c>telemetry/system</c>.</summary>
/// <param name="CpuPercent">Of one core, of this process, since the message before; null in the first.</param>
/// <param name="ResidentBytes">Of this process.</param>
/// <param name="Load1">Load of the machine in the last minute.</param>
/// <param name="Mqtt">What went over the connection.</param>
internal sealed record SystemTelemetry(MessageHead Head, double? CpuPercent, long ResidentBytes, long ManagedBytes, int Threads, double? Load1, MqttCounts Mqtt);

/// <summary>All that goes over MQTT; generated code.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(StateMessage))]
[JsonSerializable(typeof(InfoMessage))]
[JsonSerializable(typeof(ReportedMessage))]
[JsonSerializable(typeof(CaptureTelemetry))]
[JsonSerializable(typeof(StorageTelemetry))]
[JsonSerializable(typeof(ClockTelemetry))]
[JsonSerializable(typeof(NicTelemetry))]
[JsonSerializable(typeof(SystemTelemetry))]
[JsonSerializable(typeof(HealthMessage))]
[JsonSerializable(typeof(string))]
internal sealed partial class MqttJson : JsonSerializerContext;
