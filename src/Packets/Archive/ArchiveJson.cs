// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;

namespace Capbox.Packets.Archive;

/// <summary>The small files beside the catalog, as JSON; generated code.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, IncludeFields = true)]
[JsonSerializable(typeof(HoldSet))]
[JsonSerializable(typeof(Deletion))]
[JsonSerializable(typeof(ClockFile))]
[JsonSerializable(typeof(IndexAnswer))]
internal sealed partial class ArchiveJson : JsonSerializerContext;
