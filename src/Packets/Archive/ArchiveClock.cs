// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Packets.Archive;

/// <summary>The clock's file.</summary>
/// <param name="Ns">Archive time when it was written.</param>
/// <param name="BootId">Boot that <paramref name="BootNs"/> counts from.</param>
/// <param name="BootNs">CLOCK_BOOTTIME at <paramref name="Ns"/>.</param>
/// <param name="ReferenceNs">An archive time at which the wall clock was synchronised; null: there was none yet.</param>
/// <param name="ReferenceWallNs">Wall clock at that moment.</param>
/// <param name="DowntimeOpen">A reboot since the reference has not been counted yet.</param>
/// <param name="Marks">What was the last sequence when, so that ages survive the loss of the catalog.</param>
public sealed record ClockFile(long Ns, string BootId, long BootNs, long? ReferenceNs, long ReferenceWallNs, bool DowntimeOpen,
    IReadOnlyList<ClockMark> Marks);

/// <summary>At this archive time no segment beyond this sequence was sealed.</summary>
public readonly record struct ClockMark(long Ns, ulong Sequence);

/// <summary>
/// The time by which segments and holds age: nanoseconds since the archive began, counted by the monotonic clock, so that a step of the
/// wall clock to 1970 or 2099 ages nothing. Over a reboot the wall clock's difference counts, but only once the kernel calls it
/// synchronised, and never backwards.
/// </summary>
public sealed class ArchiveClock
{
    private const string FileName = "clock.json";
    private const int MaxMarks = 20_000;
    private const long MarkEveryNs = 600L * 1_000_000_000;
    private readonly IClockSource _source;
    private readonly string _path;
    private readonly List<ClockMark> _marks;
    private readonly long _startBootNs;
    private long _baseNs;
    private long? _referenceNs;
    private long _referenceWallNs;
    private bool _downtimeOpen;

    private ArchiveClock(string path, IClockSource source, ClockFile? file)
    {
        _path = path;
        _source = source;
        _startBootNs = source.BootNs;
        _marks = file is null ? [] : [.. file.Marks];
        if (file is null)
            return;
        bool sameBoot = file.BootId == source.BootId && file.BootNs <= _startBootNs;
        _baseNs = file.Ns + (sameBoot ? _startBootNs - file.BootNs : 0);
        _referenceNs = file.ReferenceNs;
        _referenceWallNs = file.ReferenceWallNs;
        _downtimeOpen = file.DowntimeOpen || !sameBoot;
    }

    /// <summary>
    /// Opens the clock of an archive; a missing or damaged file starts a new one, which makes everything younger, never older.
    /// </summary>
    public static ArchiveClock Open(string archive, IClockSource source)
    {
        string path = ArchiveDirectory.StatePath(archive, FileName);
        ClockFile? file = null;
        try
        {
            if (File.Exists(path))
                file = JsonSerializer.Deserialize(File.ReadAllBytes(path), ArchiveJson.Default.ClockFile);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            file = null;
        }

        return new ArchiveClock(path, source, file);
    }

    /// <summary>The archive time now.</summary>
    public long NowNs
    {
        get
        {
            long now = _baseNs + _source.BootNs - _startBootNs;
            if (!_downtimeOpen || !_source.IsSynchronised)
                return now;
            _downtimeOpen = false;
            long missed = _referenceNs is { } reference ? reference + (_source.WallNs - _referenceWallNs) - now : 0;
            _baseNs += Math.Max(0, missed);
            return now + Math.Max(0, missed);
        }
    }

    /// <summary>When a segment was stored, at the latest: for one whose own time was lost with the catalog.</summary>
    public long StoredAtNs(ulong sequence)
    {
        foreach (ClockMark mark in _marks)
        {
            if (mark.Sequence >= sequence)
                return mark.Ns;
        }

        return NowNs;
    }

    /// <summary>Saves state and marks. Once a minute.</summary>
    /// <param name="newest">Sequence of the newest sealed segment.</param>
    /// <param name="oldest">Of the oldest: marks of what is gone are dropped.</param>
    /// <param name="last">Before an end: the newest get a mark whenever the one before was.</param>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void Save(ulong newest, ulong oldest, bool last)
    {
        long now = NowNs;
        _marks.RemoveAll(m => m.Sequence < oldest || m.Sequence == 0);
        if (_marks.Count == 0 || (_marks[^1].Sequence < newest && (last || now - _marks[^1].Ns >= MarkEveryNs)))
            _marks.Add(new ClockMark(now, newest));
        if (_marks.Count > MaxMarks)
            Thin();
        if (!_downtimeOpen && _source.IsSynchronised)
            (_referenceNs, _referenceWallNs) = (now, _source.WallNs);
        var file = new ClockFile(now, _source.BootId, _source.BootNs, _referenceNs, _referenceWallNs, _downtimeOpen, _marks);
        FileSystem.ReplaceFile(_path, JsonSerializer.SerializeToUtf8Bytes(file, ArchiveJson.Default.ClockFile));
    }

    private void Thin()
    {
        // The later mark of each pair stays: segments get younger by it, never older.
        for (int i = 0; i < _marks.Count / 2; i++)
            _marks[i] = _marks[(2 * i) + 1];
        _marks.RemoveRange(_marks.Count / 2, _marks.Count - (_marks.Count / 2));
    }
}
