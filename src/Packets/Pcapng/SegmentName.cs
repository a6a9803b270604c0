// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Capbox.Platform.Time;

namespace Capbox.Packets.Pcapng;

/// <summary>
/// A segment's file name: UTC start time and a sequence that only grows, <c>20261123T083000.123456789Z-0000000042.pcapng</c>;
/// while it is written, <c>.part</c> follows. The sequence, not the time, orders segments: a clock may be wrong.
/// </summary>
/// <param name="StartFileName">The start time as <see cref="UtcTime.ToFileName"/> writes it.</param>
/// <param name="Sequence">Number of the segment in its archive, from 1.</param>
/// <param name="InProgress">True for a file that was not sealed.</param>
public readonly record struct SegmentName(string StartFileName, ulong Sequence, bool InProgress)
{
    public const string Extension = ".pcapng";
    public const string InProgressExtension = ".pcapng.part";
    private const int StartLength = 26;

    public static SegmentName Create(UtcTime start, ulong sequence) => new(start.ToFileName(), sequence, InProgress: true);

    /// <summary>The time in the name; null if there is no such day or hour.</summary>
    public UtcTime? Start => UtcTime.TryParseFileName(StartFileName, out UtcTime start) ? start : null;

    /// <summary>A segment holds what the rings held when it began: in mode trigger up to an hour (trigger.before), else seconds.</summary>
    private const long MostBeforeNs = 3_660_000_000_000;

    /// <summary>The earliest stamp that a segment may hold, by the start in its name, unless a clock was wrong.</summary>
    public static long FirstMomentNs(long startNs) => Math.Max(0, startNs - MostBeforeNs);

    /// <summary>
    /// Time of the last write to a segment, UTC nanoseconds, or its start if that is later. The segment holds no later stamp, unless a
    /// clock was wrong.
    /// </summary>
    public static long LastMomentNs(string path, long startNs)
    {
        DateTime written = File.GetLastWriteTimeUtc(path);
        return written <= DateTime.UnixEpoch ? startNs : Math.Max(startNs, (written - DateTime.UnixEpoch).Ticks * 100);
    }

    /// <summary>The name after sealing.</summary>
    public SegmentName Sealed() => this with { InProgress = false };

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{StartFileName}-{Sequence:D10}{(InProgress ? InProgressExtension : Extension)}");

    /// <summary>Recognises exactly the names that <see cref="ToString"/> makes; every other file is foreign and left alone.</summary>
    public static bool TryParse([NotNullWhen(true)] string? fileName, out SegmentName name)
    {
        name = default;
        if (fileName is null)
            return false;

        bool inProgress = fileName.EndsWith(InProgressExtension, StringComparison.Ordinal);
        if (!inProgress && !fileName.EndsWith(Extension, StringComparison.Ordinal))
            return false;

        string stem = fileName[..^(inProgress ? InProgressExtension.Length : Extension.Length)];
        if (stem.Length < StartLength + 2 || stem[StartLength] != '-' || stem[StartLength - 1] != 'Z')
            return false;

        ReadOnlySpan<char> digits = stem.AsSpan(StartLength + 1);
        if (!ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ulong sequence))
            return false;

        name = new SegmentName(stem[..StartLength], sequence, inProgress);
        return name.ToString() == fileName;
    }
}
