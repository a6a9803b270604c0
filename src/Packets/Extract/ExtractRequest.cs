// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Packets.Extract;

/// <summary>What to take out of an archive.</summary>
public sealed record ExtractRequest
{
    /// <summary>Directory of the archive.</summary>
    public required string Archive { get; init; }

    /// <summary>First moment of the range.</summary>
    public required UtcTime From { get; init; }

    /// <summary>First moment after the range.</summary>
    public required UtcTime To { get; init; }

    /// <summary>Names of ports; empty takes all.</summary>
    public IReadOnlyList<string> Ports { get; init; } = [];

    /// <summary>Paths of the segments that an index names for the range; null: every segment of the archive is looked at.</summary>
    public IReadOnlyList<string>? Candidates { get; init; }

    /// <summary>Ports that the index knows beyond those in the candidates.</summary>
    public IReadOnlyList<string> KnownPorts { get; init; } = [];

    /// <summary>tcpdump expression (pcap-filter(7)), or null.</summary>
    public string? Filter { get; init; }
}

/// <summary>Losses of one port in the range, and just after it, when the chunk that reports them may mean the range.</summary>
public sealed record ExtractLoss(string Port, ulong Ring, ulong Disk, ulong Nic, ulong Host, ulong Truncated, ulong GapNs)
{
    /// <summary>One line for people.</summary>
    public string ToText() => string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
            $"{Port}: lost ring {Ring} disk {Disk} nic {Nic} host {Host}, port down for {GapNs / 1e9:F3} s");

    public bool IsNone => (Ring | Disk | Nic | Host | GapNs) == 0;
}

/// <summary>What came of an extraction.</summary>
/// <param name="Packets">Packets written.</param>
/// <param name="PacketBytes">Their captured bytes.</param>
/// <param name="PacketsRead">Packets looked at in the range, before the filter.</param>
/// <param name="Segments">Segments with chunks in the range.</param>
/// <param name="ChunksRead">Chunks read.</param>
/// <param name="ChunkBytes">Bytes of the chunks in the range.</param>
/// <param name="BytesRead">Bytes read from the archive, headers and indexes included.</param>
/// <param name="Losses">Ports with losses; empty when there were none.</param>
/// <param name="Warnings">Segments that could not be read wholly, one line each.</param>
public sealed record ExtractReport(
    ulong Packets, ulong PacketBytes, ulong PacketsRead, int Segments, long ChunksRead, long ChunkBytes, long BytesRead,
    IReadOnlyList<ExtractLoss> Losses, IReadOnlyList<string> Warnings)
{
    /// <summary>When following: packets that came later than the window, and so stand behind later ones.</summary>
    public ulong LatePackets { get; init; }

    /// <summary>True only if the ledger has no loss in the range and every chunk could be read.</summary>
    public bool Complete => Losses.Count == 0 && Warnings.Count == 0;
}

/// <summary>How far an extraction is.</summary>
public readonly record struct ExtractProgress(long BytesDone, long BytesTotal, ulong Packets);

/// <summary>An extraction that cannot be done. The message is one line and names the value or the file.</summary>
public sealed class ExtractException : Exception
{
    public ExtractException()
    {
    }

    public ExtractException(string message) : base(message)
    {
    }

    public ExtractException(string message, Exception inner) : base(message, inner)
    {
    }

    /// <summary>
    /// Member of the request that is wrong: from, to, ports or filter; null if the archive is. The message begins with its value.
    /// </summary>
    public string? Field { get; init; }

    /// <summary>A port that the archive does not have.</summary>
    public static ExtractException NoSuchPort(string port, IReadOnlyCollection<string> known) =>
        new($"{port}: the archive has no such port, but {(known.Count == 0 ? "none" : string.Join(", ", known))}") { Field = "ports" };

    internal static ExtractException NotAfter(ExtractRequest request) =>
        new($"{request.To} is not after the start, {request.From}") { Field = "to" };
}
