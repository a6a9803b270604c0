// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using Capbox.Health;
using Capbox.Packets.Pcapng;
using Capbox.Timing.Evidence;

namespace Capbox.Cli;

/// <summary><c>capbox clock watch</c>: offset and bound of the kept clock over time, drawn in the terminal. It begins with what the recorder wrote down of the last minutes.</summary>
internal static class ClockWatch
{
    private const int MaxSamples = 1000;

    public static int Run(string archive, string interval, bool json) => LiveLoop.Run(archive, interval, new View(Recent(archive)), json ? ClockOf : null);

    private static string ClockOf(string answer)
    {
        using JsonDocument document = JsonDocument.Parse(answer);
        return document.RootElement.TryGetProperty("clock", out JsonElement clock) ? clock.GetRawText() : "null";
    }

    /// <summary>Today's last seconds; where there are none the picture begins empty.</summary>
    private static IEnumerable<ClockSample> Recent(string archive)
    {
        try
        {
            long now = Platform.Time.UtcTime.Now.Nanoseconds;
            DateOnly day = EvidenceFiles.DayOf(now);
            return !EvidenceFiles.Days(archive).Contains(day) ? []
                : EvidenceFiles.Read(archive, day, out _).Where(r => r.Text is null && now - r.UtcNs < 300_000_000_000).TakeLast(MaxSamples)
                    .Select(r => new ClockSample(r.State, r.OffsetNs, double.IsFinite(r.BoundNs) ? r.BoundNs : null)).ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private sealed class View(IEnumerable<ClockSample> recent) : ILiveView
    {
        private readonly Queue<ClockSample> _samples = new(recent);
        private BoxSnapshot? _now;

        public void Take(BoxSnapshot now)
        {
            _now = now;
            if (now.Clock is not { } clock)
                return;
            _samples.Enqueue(new ClockSample(clock.State, clock.OffsetNs, clock.BoundNs));
            if (_samples.Count > MaxSamples)
                _samples.Dequeue();
        }

        public IReadOnlyList<string> Lines(int widthColumns, int heightLines)
        {
            if (_now?.Clock is not { } clock)
                return ["no clock is kept: the configuration has no section clock"];
            string[] head = [.. ClockView.Details(clock).Select(l => l.Length <= widthColumns ? l : l[..Math.Max(widthColumns, 0)])];
            return [.. head, "", .. ClockPlot.Draw([.. _samples], widthColumns, heightLines - head.Length - 2)];
        }

        public string? Line() => _now?.Clock is not { } clock ? "no clock is kept" : string.Create(
            CultureInfo.InvariantCulture,
            $"{_now.At.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'} {clock.State.ToString().ToLowerInvariant()} offset {ClockView.Ns(clock.OffsetNs)} bound {(clock.BoundNs is { } bound ? ClockView.Ns(bound) : "none")}");
    }
}

/// <summary>One look at the clock.</summary>
/// <param name="BoundNs">Null: nothing is claimed.</param>
internal readonly record struct ClockSample(ClockState State, double OffsetNs, double? BoundNs);

/// <summary>Offset and bound over time as text: a pure function. <c>*</c> is the offset, <c>-</c> the bound above and below, <c>?</c> a look without a bound; what is beyond the picture is at its edge.</summary>
internal static class ClockPlot
{
    private const int LabelColumns = 10, LeastLines = 5;

    /// <summary>As many of the newest samples as there are columns, one each. Lines of at most the given width; none if there is no room.</summary>
    public static IReadOnlyList<string> Draw(IReadOnlyList<ClockSample> samples, int widthColumns, int heightLines)
    {
        int columns = widthColumns - LabelColumns - 1;
        if (columns < 1 || heightLines < LeastLines)
            return [];
        // An odd number of rows has a zero in the middle; the last line is the time.
        int rows = heightLines - 1 - ((heightLines - 1) % 2 == 0 ? 1 : 0), middle = rows / 2;
        ClockSample[] shown = [.. samples.Skip(Math.Max(0, samples.Count - columns))];
        double scale = Scale(shown);
        char[][] picture = [.. Enumerable.Range(0, rows).Select(_ => new string(' ', columns).ToCharArray())];
        Array.Fill(picture[middle], '.');
        int Row(double ns) => Math.Clamp(middle - (int)Math.Round(ns / scale * middle), 0, rows - 1);
        for (int i = 0; i < shown.Length; i++)
        {
            int column = columns - shown.Length + i;
            if (shown[i].BoundNs is { } bound)
                picture[Row(bound)][column] = picture[Row(-bound)][column] = '-';
            else
                picture[rows - 1][column] = '?';
            picture[Row(shown[i].OffsetNs)][column] = '*';
        }

        List<string> lines = [];
        for (int row = 0; row < rows; row++)
        {
            string label = row == 0 ? ClockView.Ns(scale) : row == middle ? "0" : row == rows - 1 ? ClockView.Ns(-scale) : "";
            lines.Add($"{label,LabelColumns} {new string(picture[row])}".TrimEnd());
        }

        string time = "now";
        lines.Add(new string(' ', LabelColumns + 1 + Math.Max(0, columns - time.Length)) + time[..Math.Min(time.Length, columns)]);
        return lines;
    }

    /// <summary>What holds nine of ten bounds and all but the wildest offsets, rounded up to 1, 2 or 5: one look while the clock was being found must not flatten the rest.</summary>
    private static double Scale(ClockSample[] shown)
    {
        double[] sizes = [.. shown.Select(s => Math.Max(Math.Abs(s.OffsetNs), s.BoundNs ?? 0)).Where(double.IsFinite).Order()];
        double wanted = sizes.Length == 0 ? 100 : Math.Max(sizes[(int)((sizes.Length - 1) * 0.9)], 10);
        double power = Math.Pow(10, Math.Floor(Math.Log10(wanted)));
        double factor = wanted / power;
        return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
    }
}
