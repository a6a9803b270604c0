// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Capbox.Platform.Nic;
using Capbox.Ptp.Clocks;

namespace Capbox.Cli;

/// <summary>One reading, as <c>clock read</c> and <c>clock adjust</c> show it.</summary>
/// <param name="Clock">What was read.</param>
/// <param name="Against">What it was read against.</param>
/// <param name="FrequencyPpb">What is dialled in; null when it may not be asked.</param>
/// <param name="MaxFrequencyPpb">How far it can be dialled.</param>
/// <param name="Reading">Both clocks at one moment.</param>
/// <param name="System">What the kernel tells everybody about the system clock; null for another.</param>
internal sealed record ClockReport(string Clock, string Against, double? FrequencyPpb, double MaxFrequencyPpb, ClockReading Reading, SystemClockStatus? System);

/// <summary>What <c>clock adjust --virtual</c> leaves.</summary>
internal sealed record VirtualClocksReport(string Clock, IReadOnlyList<int> VirtualClocks);

/// <summary>What <c>clock grant</c> was given.</summary>
/// <param name="Port">Whom it asked.</param>
/// <param name="Granted">What the driver reports afterwards.</param>
/// <param name="Covers">What of that serves PTP and capture.</param>
internal sealed record GrantReport(string Port, StampGrant Granted, StampNeeds Covers);

/// <summary>What the clock's commands write with --json.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ClockInventory))]
[JsonSerializable(typeof(ClockReport))]
[JsonSerializable(typeof(VirtualClocksReport))]
[JsonSerializable(typeof(GrantReport))]
[JsonSerializable(typeof(Timing.Evidence.EvidenceReport))]
[JsonSerializable(typeof(EvidenceLine))]
[JsonSerializable(typeof(ExchangeLine))]
internal sealed partial class ClockJson : JsonSerializerContext;
