// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Config;

namespace Capbox.Fleet;

/// <summary>What was passed over while listening.</summary>
/// <param name="Malformed">Messages of boxes that are not what docs/reference/control.md says.</param>
/// <param name="Foreign">Messages in topics that no box has.</param>
/// <param name="BoxesBeyond">Messages of boxes beyond <see cref="FleetInventory.MaxBoxes"/>.</param>
/// <param name="DocumentsBeyond">Documents that were not kept: more than <see cref="FleetInventory.MaxDocumentBytes"/> together.</param>
internal sealed record FleetInventoryCounts(long Messages, long Malformed, long Foreign, long BoxesBeyond, long DocumentsBeyond)
{
    /// <summary>The topic of the first malformed message.</summary>
    public string? FirstMalformed { get; init; }
}

/// <summary>The boxes that were heard at a broker, and what they said last. Bounded; no connection here; one thread.</summary>
/// <param name="keepsDocuments">Configuration documents are kept: they are the large part.</param>
/// <param name="maxDocumentBytes">Characters of all documents together.</param>
internal sealed class FleetInventory(bool keepsDocuments, long maxDocumentBytes = FleetInventory.MaxDocumentBytes)
{
    public const int MaxBoxes = 10_000;

    /// <summary>Characters of all documents together.</summary>
    public const long MaxDocumentBytes = 256L << 20;

    public const string Root = "capbox/v1/";

    /// <summary>Retained by each box, in the order in which they are asked for.</summary>
    public static readonly string[] Suffixes = ["state", "info", "health", "config/reported"];

    private readonly Dictionary<string, FleetBox> _boxes = [];
    private long _documentBytes;

    public FleetInventoryCounts Counts { get; private set; } = new(0, 0, 0, 0, 0);

    public int Count => _boxes.Count;

    /// <summary>By device.</summary>
    public IEnumerable<FleetBox> Boxes => _boxes.Values.OrderBy(b => b.DeviceId, DeviceOrder.Instance);

    public FleetBox? this[string device] => _boxes.GetValueOrDefault(device);

    /// <summary>Device and suffix of a topic of a box; null: it is none.</summary>
    public static (string Device, string Suffix)? Split(string topic)
    {
        if (!topic.StartsWith(Root, StringComparison.Ordinal) || topic.IndexOf('/', Root.Length) is not (> 0 and int slash))
            return null;
        string device = topic[Root.Length..slash];
        return TopicLevel.IsValid(device) ? (device, topic[(slash + 1)..]) : null;
    }

    /// <summary>A message came.</summary>
    /// <param name="topic">Where.</param>
    /// <param name="payload">What; empty: what was retained is taken away.</param>
    /// <param name="at">When; null: the broker had kept it.</param>
    /// <returns>The box as it is now; null: nothing was learnt.</returns>
    public FleetBox? Record(string topic, ReadOnlyMemory<byte> payload, DateTimeOffset? at)
    {
        Counts = Counts with { Messages = Counts.Messages + 1 };
        if (Split(topic) is not ({ } device, { } suffix) || (!Suffixes.Contains(suffix) && !suffix.StartsWith("telemetry/", StringComparison.Ordinal)))
        {
            Counts = Counts with { Foreign = Counts.Foreign + 1 };
            return null;
        }

        if (!_boxes.TryGetValue(device, out FleetBox? box))
        {
            if (_boxes.Count >= MaxBoxes)
            {
                Counts = Counts with { BoxesBeyond = Counts.BoxesBeyond + 1 };
                return null;
            }

            box = new FleetBox(device);
        }

        FleetBox? next = payload.Length == 0 ? Forget(box, suffix) : suffix.StartsWith("telemetry/", StringComparison.Ordinal) ? box : FleetReader.Read(box, suffix, payload);
        if (next is null)
        {
            Counts = Counts with { Malformed = Counts.Malformed + 1, FirstMalformed = Counts.FirstMalformed ?? topic };
            return null;
        }

        next = Bounded(box, next) with { Heard = at ?? box.Heard };
        _boxes[device] = next;
        return next;
    }

    private static FleetBox Forget(FleetBox box, string suffix) => suffix switch
    {
        "state" => box with { State = null, Session = null },
        "info" => box with { Info = null },
        "health" => box with { Health = null },
        "config/reported" => box with { Report = null },
        _ => box,
    };

    private FleetBox Bounded(FleetBox before, FleetBox next)
    {
        if (ReferenceEquals(before.Report, next.Report))
            return next;
        _documentBytes -= before.Report?.Config?.Length ?? 0;
        if (next.Report?.Config is not { } document)
            return next;
        bool hasRoom = _documentBytes + document.Length <= maxDocumentBytes;
        if (keepsDocuments && !hasRoom)
            Counts = Counts with { DocumentsBeyond = Counts.DocumentsBeyond + 1 };
        if (!keepsDocuments || !hasRoom)
            return next with { Report = next.Report with { Config = null } };
        _documentBytes += document.Length;
        return next;
    }
}

/// <summary>Names as people order them: CB-9 before CB-10.</summary>
internal sealed class DeviceOrder : IComparer<string>
{
    public static readonly DeviceOrder Instance = new();

    public int Compare(string? x, string? y)
    {
        string a = x ?? "", b = y ?? "";
        int i = 0, j = 0;
        while (i < a.Length && j < b.Length)
        {
            string left = Run(a, ref i), right = Run(b, ref j);
            int order = char.IsAsciiDigit(left[0]) && char.IsAsciiDigit(right[0]) ? CompareNumbers(left, right) : string.CompareOrdinal(left, right);
            if (order != 0)
                return order;
        }

        int rest = (a.Length - i).CompareTo(b.Length - j);
        return rest != 0 ? rest : string.CompareOrdinal(a, b);
    }

    /// <summary>Digits, or one other character.</summary>
    private static string Run(string text, ref int at)
    {
        int from = at++;
        while (char.IsAsciiDigit(text[from]) && at < text.Length && char.IsAsciiDigit(text[at]))
            at++;
        return text[from..at];
    }

    private static int CompareNumbers(string left, string right)
    {
        string a = left.TrimStart('0'), b = right.TrimStart('0');
        return a.Length != b.Length ? a.Length.CompareTo(b.Length) : string.CompareOrdinal(a, b);
    }
}
