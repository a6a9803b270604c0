// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Packets.Pcapng;

/// <summary>How the repair of a segment ended.</summary>
public enum RepairOutcome
{
    /// <summary>The footer was there and right; only the rename was missing.</summary>
    Intact,

    /// <summary>Whole chunks were retained, a new footer was written, the segment is sealed.</summary>
    Repaired,

    /// <summary>No header or no whole chunk, but data: renamed to .part.broken for inspection.</summary>
    Broken,

    /// <summary>It held no chunk: deleted.</summary>
    Deleted,

    /// <summary>The disk refused; the file stays and the next start tries again.</summary>
    Failed,

    /// <summary>Not a segment in progress by its name: left alone.</summary>
    Refused,
}

/// <summary>What a repair did.</summary>
/// <param name="Path">The file that was repaired.</param>
/// <param name="ResultPath">Where it is now; null when it was deleted.</param>
/// <param name="Message">One line for the log.</param>
/// <param name="Chunks">Whole chunks that were retained.</param>
/// <param name="Packets">Packets in them.</param>
/// <param name="Fillers">Fillers put into holes by this repair.</param>
/// <param name="CutBytes">Bytes with data cut off after the last whole chunk, or filled over in holes.</param>
public sealed record RepairResult(
    string Path, RepairOutcome Outcome, string? ResultPath, string Message, uint Chunks, ulong Packets, uint Fillers, long CutBytes);

/// <summary>
/// Seals a segment that a crash left in progress. Chunks are written out of order, so a hole may lie before whole chunks: those are found
/// on page boundaries and retained, holes get fillers, the tail after the last whole chunk is cut, and a new footer records the repair.
/// What it cannot see: a chunk has no checksum, so payload that a power failure lost within a chunk goes unnoticed.
/// </summary>
public static class SegmentRepair
{
    /// <summary>Repairs one file. Nothing else may have it open.</summary>
    /// <param name="partPath">Path of a <c>.pcapng.part</c>.</param>
    /// <returns>What was done. Errors of the disk are results that name the path, not exceptions.</returns>
    public static RepairResult Repair(string partPath)
    {
        try
        {
            if (!SegmentName.TryParse(Path.GetFileName(partPath), out SegmentName name) || !name.InProgress)
                return Done(partPath, RepairOutcome.Refused, partPath, "not the name of a segment in progress");
            return Repair(partPath, name);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Done(partPath, RepairOutcome.Failed, partPath, exception.Message); // names the path
        }
    }

    private static RepairResult Repair(string path, SegmentName name)
    {
        SegmentPlan plan;
        try
        {
            using SegmentReader reader = SegmentReader.Open(path);
            if (reader.Origin.SegmentSequence != name.Sequence)
                return SetAside(path, $"its header says segment {reader.Origin.SegmentSequence}");
            plan = SegmentPlan.Make(reader);
        }
        catch (SegmentFormatException exception)
        {
            return SetAside(path, exception.Message);
        }

        if (plan.Chunks == 0)
            return SetAside(path, "no whole chunk", plan.HeaderBytes);
        if (!plan.Intact)
            WriteSealed(path, plan);
        // By the header, not by the part's name: a segment is made ahead of its use, and its header learns late when it began.
        string sealedName = SegmentName.Create(new UtcTime(plan.StartedUtcNs), name.Sequence).Sealed().ToString();
        string sealedPath = Path.Combine(Path.GetDirectoryName(path)!, sealedName);
        File.Move(path, sealedPath, overwrite: false);
        SyncDirectory(path);
        string message = plan.Intact
            ? "sealed; the footer was already there"
            : $"repaired: {plan.Chunks} chunks with {plan.Packets} packets kept, {plan.Fillers.Count} fillers, {plan.CutBytes} "
                + $"bytes of torn data cut";
        return new RepairResult(
            path, plan.Intact ? RepairOutcome.Intact : RepairOutcome.Repaired, sealedPath, message,
            plan.Chunks, plan.Packets, (uint)plan.Fillers.Count, plan.CutBytes);
    }

    /// <summary>
    /// Cuts first (which also frees what was preallocated, so that a full disk has room for the footer), then fillers, then the footer:
    /// whenever this is interrupted, what is left can be repaired again.
    /// </summary>
    private static void WriteSealed(string path, SegmentPlan plan)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.SetLength(handle, plan.End);
        foreach (ChunkRecord filler in plan.Fillers)
            RandomAccess.Write(handle, Filler.Build(filler, (long)filler.FileOffset, (int)filler.ChunkBytes), (long)filler.FileOffset);
        var trailer = new TrailerRecord
        {
            Flags = TrailerFlags.Repaired | (plan.HasFiller ? TrailerFlags.HasFiller : 0),
            SegmentSequence = plan.SegmentSequence,
            StartedUtcNs = plan.StartedUtcNs,
            SealedUtcNs = UtcTime.Now.Nanoseconds,
        };
        RandomAccess.Write(handle, Footer.Build(CollectionsMarshal.AsSpan(plan.Index), plan.Totals, trailer, plan.End), plan.End);
        RandomAccess.FlushToDisk(handle);
    }

    /// <summary>
    /// Deletes a file that holds nothing but zeros (after its header, if that is good), renames any other to .part.broken.
    /// </summary>
    private static RepairResult SetAside(string path, string reason, long from = 0)
    {
        if (DataBytes(path, from) == 0)
        {
            File.Delete(path);
            SyncDirectory(path);
            return Done(path, RepairOutcome.Deleted, null, $"deleted, it holds no data: {reason}");
        }

        string broken = path + ".broken";
        for (int number = 2; File.Exists(broken); number++)
            broken = $"{path}.broken.{number}";
        File.Move(path, broken, overwrite: false);
        SyncDirectory(path);
        return Done(path, RepairOutcome.Broken, broken, $"cannot be repaired, kept as {Path.GetFileName(broken)}: {reason}");
    }

    /// <summary>Bytes of pages that are not all zero.</summary>
    private static long DataBytes(string path, long from)
    {
        using var file = new SegmentFile(path);
        return PageScan.DataBytes(file, from, file.Length);
    }

    /// <summary>Makes renames and deletions in the file's directory durable.</summary>
    private static void SyncDirectory(string path)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        using var descriptor = new FileDescriptor(LibC.open(directory, FileNumbers.O_RDONLY | FileNumbers.O_DIRECTORY | FileNumbers.O_CLOEXEC, 0));
        if (descriptor.IsInvalid || LibC.fsync(descriptor.Value) != 0)
            throw new IOException($"{directory}: {Errno.LastText()}");
    }

    private static RepairResult Done(string path, RepairOutcome outcome, string? resultPath, string message) =>
        new(path, outcome, resultPath, message, 0, 0, 0, 0);
}
