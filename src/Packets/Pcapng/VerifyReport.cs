// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Pcapng;

/// <summary>How bad a finding is.</summary>
public enum VerifySeverity
{
    /// <summary>Worth knowing; the file is as it should be.</summary>
    Info,

    /// <summary>Not a damage: a segment in progress, a file of another maker.</summary>
    Warning,

    /// <summary>The file is damaged or contradicts itself.</summary>
    Error,
}

/// <summary>One thing that was found.</summary>
/// <param name="Offset">Offset in the file, bytes.</param>
public sealed record VerifyFinding(long Offset, VerifySeverity Severity, string Message);

/// <summary>The ledger of one port, added up from the chunks that are there.</summary>
/// <param name="FirstUtc">Earliest stamp, RFC 3339; null when there is no packet.</param>
public sealed record VerifyPort(
    string Name, ulong Packets, ulong CapturedBytes, ulong OriginalBytes, ulong FilteredPackets, ulong LostRing, ulong LostDisk,
        ulong LostNic,
    ulong LostHost, ulong TruncatedPackets, ulong HardwareStampedPackets, ulong GapNs, string? FirstUtc, string? LastUtc);

/// <summary>All that a verification found.</summary>
/// <param name="Ok">True when no finding is an error.</param>
/// <param name="MadeByCapbox">False for a PCAPNG file of another maker; only its block structure is checked then.</param>
/// <param name="Sealed">True when there is a valid footer.</param>
/// <param name="Repaired">True when the footer was rebuilt after a crash.</param>
/// <param name="Packets">Packets of all ports.</param>
/// <param name="FindingsLeftOut">Findings past the first thousand, counted only.</param>
public sealed record VerifyReport(
    string Path, bool Ok, bool MadeByCapbox, bool Sealed, bool Repaired, long Bytes, ulong Sequence, ulong Chunks, ulong Fillers,
        ulong Packets,
    IReadOnlyList<VerifyPort> Ports, IReadOnlyList<VerifyFinding> Findings, long FindingsLeftOut);

/// <summary>How far a verification is.</summary>
public readonly record struct VerifyProgress(long BytesDone, long BytesTotal);

/// <summary>Collects findings, at most a thousand.</summary>
internal sealed class VerifyFindings
{
    private const int MaxFindings = 1000;
    private readonly List<VerifyFinding> findings = [];

    public IReadOnlyList<VerifyFinding> All => findings;

    public long LeftOut { get; private set; }

    public bool HasErrors { get; private set; }

    public void Error(long offset, string message) => Add(offset, VerifySeverity.Error, message);

    public void Warning(long offset, string message) => Add(offset, VerifySeverity.Warning, message);

    public void Info(long offset, string message) => Add(offset, VerifySeverity.Info, message);

    public void Add(long offset, VerifySeverity severity, string message)
    {
        HasErrors |= severity == VerifySeverity.Error;
        if (findings.Count < MaxFindings)
            findings.Add(new VerifyFinding(offset, severity, message));
        else
            LeftOut++;
    }
}
