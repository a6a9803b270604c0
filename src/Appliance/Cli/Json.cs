// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Capbox.Packets.Capture;
using Capbox.Platform.Nic;

namespace Capbox.Cli;

/// <summary>Result of <c>config check --json</c>.</summary>
/// <param name="Warnings">What is not as the document expects it on this machine now, which <c>run</c> waits for.</param>
internal sealed record ConfigCheckReport(string File, bool Good, IReadOnlyList<Platform.Json.ConfigError> Errors, IReadOnlyList<Platform.Json.ConfigError> Warnings);

/// <summary>One port in a segment, as <c>segments --json</c> lists it.</summary>
internal sealed record SegmentPortListing(
    string Name, ulong Packets, ulong CapturedBytes, ulong FilteredPackets, ulong LostRing, ulong LostDisk, ulong LostNic, ulong LostHost, ulong TruncatedPackets,
    ulong HardwareStampedPackets, ulong GapNs, Packets.Pcapng.ClockState ClockState);

/// <summary>One segment as <c>segments --json</c> lists it. What only a sealed segment tells is null for another.</summary>
/// <param name="Start">UTC as in the file's name, ISO 8601 basic form.</param>
/// <param name="InProgress">Not sealed: being written, or left by a crash and sealed at the next start.</param>
/// <param name="State">"in progress", "sealed", "repaired" or "damaged".</param>
/// <param name="First">Earliest stamp, RFC 3339.</param>
/// <param name="Last">Latest stamp.</param>
/// <param name="Held">A hold covers it.</param>
internal sealed record SegmentListing(
    string Path, ulong Sequence, string Start, long Bytes, bool InProgress, string State, string? First, string? Last, ulong? Packets, ulong? LostPackets,
    ulong? ConfigRevision, bool Held, IReadOnlyList<SegmentPortListing>? Ports);

/// <summary>Everything that --json writes; generated code, since there is no reflection in a NativeAOT binary.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(RecorderSnapshot))]
[JsonSerializable(typeof(Health.BoxSnapshot))]
[JsonSerializable(typeof(Timing.ClockSnapshot))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(IReadOnlyList<PortInfo>))]
[JsonSerializable(typeof(IReadOnlyList<SegmentListing>))]
[JsonSerializable(typeof(IReadOnlyList<Commands.HoldListing>))]
[JsonSerializable(typeof(Commands.HoldListing))]
[JsonSerializable(typeof(Packets.Archive.CatalogReport))]
[JsonSerializable(typeof(ConfigCheckReport))]
[JsonSerializable(typeof(IReadOnlyList<Config.ConfigDifference>))]
[JsonSerializable(typeof(KeyReport))]
[JsonSerializable(typeof(Packets.Custody.SealReport))]
[JsonSerializable(typeof(Packets.Custody.ChainReport))]
[JsonSerializable(typeof(Packets.Extract.ExtractReport))]
[JsonSerializable(typeof(IReadOnlyList<Packets.Pcapng.VerifyReport>))]
internal sealed partial class Json : JsonSerializerContext
{
    /// <summary>One line on standard output.</summary>
    public static void WriteLine<T>(T value, JsonTypeInfo<T> type) => Console.Out.WriteLine(JsonSerializer.Serialize(value, type));
}
