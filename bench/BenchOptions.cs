// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Bench;

/// <summary>What `Bench run` measures.</summary>
internal sealed record BenchOptions
{
    public required string Capbox { get; init; }
    public required string Directory { get; init; }
    public required int Rounds { get; init; }
    public required long Packets { get; init; }
    public required int BufferMiB { get; init; }
    public required long ArchiveGiB { get; init; }
    public required long CatalogSegments { get; init; }
    public required int FleetBoxes { get; init; }
    public required long DiskGiB { get; init; }
    public required int SendCpu { get; init; }
    public required int RecordCpu { get; init; }
    public IReadOnlyList<string>? Peers { get; init; }
    public IReadOnlyList<string>? Sizes { get; init; }
    public required IReadOnlyList<string> Stages { get; init; }
}
