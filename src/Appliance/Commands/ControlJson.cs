// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Capbox.Health;

namespace Capbox.Commands;

/// <summary>Result of <c>rotate</c>.</summary>
/// <param name="Requested">Always true: the segments are sealed within a second, if anything is in them.</param>
internal sealed record RotateAnswer(bool Requested);

/// <summary>Result of <c>trigger</c>. Times are RFC 3339, UTC.</summary>
/// <param name="Window">Number of the window, from 1 at each start of the recorder.</param>
/// <param name="Prolonged">A window was open already and ends later now.</param>
/// <param name="Triggered">When this trigger was taken.</param>
/// <param name="From">As far back as the window should reach.</param>
/// <param name="Reached">As far back as it does: from here on everything is stored or counted as lost.</param>
/// <param name="To">Its end, if no other trigger prolongs it.</param>
/// <param name="Complete">Whether Reached is From.</param>
/// <param name="Rings">Rings that write; 0: no port captures now.</param>
internal sealed record TriggerAnswer(ulong Window, bool Prolonged, string Triggered, string From, string Reached, string To, bool Complete, int Rings);

/// <summary>What goes over the control socket; generated code, one line each.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(BoxSnapshot))]
[JsonSerializable(typeof(RotateAnswer))]
[JsonSerializable(typeof(TriggerAnswer))]
[JsonSerializable(typeof(Packets.Extract.ExtractInfo))]
[JsonSerializable(typeof(string))]
internal sealed partial class ControlJson : JsonSerializerContext;
