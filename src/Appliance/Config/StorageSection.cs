// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Storage;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.storage</c>.</summary>
internal static class StorageSection
{
    /// <summary>The archive when neither document nor command line names one.</summary>
    public const string DefaultDirectory = "/var/lib/capbox";

    private static readonly TextKey s_directory = new(
        "directory", "The archive; made if it is missing. A relative path counts from the working directory.", DefaultDirectory)
    {
        MinLength = 1,
        Range = "a path",
        Check = PathText.Check,
    };

    private static readonly SizeKey s_segmentSize = new("segmentSize", "1GiB", "16MiB", "1TiB", "A segment is sealed before it would grow past this.")
    {
        Range = "16 MiB to 1 TiB, at least 4 blocks of the largest `blockSize`",
    };

    private static readonly DurationKey s_rotate = new(
        "rotate", "0s", "0s", "7d", "A segment is sealed at each multiple of this in UTC (`1m`: on the minute); `0s`: by size alone.")
    { IsWholeSeconds = true };

    private static readonly NumberKey s_writesInFlight = new("writesInFlight", 8, 1, 64, "Writes in flight per ring.");

    private static readonly ChoiceKey<WriteEngine> s_engine = new(
        "engine", "auto",
        "How blocks reach the disk. `auto`: io_uring where the kernel permits it, else threads. `null` counts and discards, for measuring.",
        ("auto", WriteEngine.Auto), ("io_uring", WriteEngine.IoUring), ("threads", WriteEngine.Threads), ("null", WriteEngine.Null));

    private static readonly SizeKey s_holdQuota = new("holdQuota", null, "1B", null, "Bytes that all holds together may retain.")
    {
        Absent = "half of the file system",
    };

    public static readonly SectionKey Key = new(
        "storage", "Where and how segments are written.",
        s_directory, s_segmentSize, s_rotate, s_writesInFlight, s_engine, TriggerSection.Mode, TriggerSection.Key, RetentionSection.Key, s_holdQuota)
    { Absent = "see below" };

    public static (StorageOptions Storage, TriggerOptions? Trigger, ArchivistOptions Archive) Read(
        JsonNodeReader? node, NamedFilters filters, IReadOnlySet<string> broken)
    {
        if (node is null)
            return (new StorageOptions { Directory = DefaultDirectory }, null, new ArchivistOptions { Directory = DefaultDirectory });
        string directory = s_directory.Read(node)!;
        StorageOptions storage = new()
        {
            Directory = directory,
            SegmentBytes = s_segmentSize.Read(node),
            RotateSeconds = (int)s_rotate.Read(node).TotalSeconds,
            WritesInFlight = (int)s_writesInFlight.Read(node),
            Engine = s_engine.Read(node),
        };
        TriggerOptions? trigger = TriggerSection.Read(node, filters, broken);
        var archive = new ArchivistOptions
        {
            Directory = directory,
            Retention = RetentionSection.Read(RetentionSection.Key.Read(node)),
            HoldQuotaBytes = s_holdQuota.Read(node),
        };
        node.Finish();
        return (storage, trigger, archive);
    }
}
