// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using Capbox.Packets.Pcapng;

namespace Capbox.Timing.Evidence;

/// <summary>
/// A day as SVG 1.1: for each minute the range of the offset, the widest bound and the worst state; minutes without records stay blank.
/// </summary>
internal static class EvidencePlot
{
    private const int Minutes = 1440, Left = 90, Top = 40, Height = 320, StripTop = Top + Height + 12, StripHeight = 16;
    private const long MinuteNs = 60_000_000_000, DayNs = 1440 * MinuteNs;

    private const string Font = "font-family=\"sans-serif\" font-size=\"12\"";
    private const string Series = "grey: the bound, blue: the offset, by minute";
    private const string Legend =
        "state: green locked, yellow degraded or acquiring, orange holdover, red no bound, blank no record";

    private readonly record struct Minute(double Lowest, double Highest, double Bound, ClockState Worst);

    public static string Draw(EvidenceReport report, IReadOnlyList<EvidenceRecord> records)
    {
        SortedDictionary<int, Minute> minutes = Gather(records);
        double most = Math.Max(1, minutes.Values.Select(m => double.IsNaN(m.Bound) ? 0 : m.Bound).DefaultIfEmpty(1).Max());
        double Y(double ns) => Top + (Height / 2.0) - (ns / most * Height / 2.0);
        StringBuilder svg = new();
        Add(
            svg,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Left + Minutes + 20}\" height=\"{StripTop + StripHeight + 60}\" {Font}>");
        Add(svg, $"<title>Clock of {report.Day}, UTC</title><rect width=\"100%\" height=\"100%\" fill=\"white\"/>");
        Add(
            svg,
            $"<text x=\"{Left}\" y=\"20\" font-size=\"15\">Offset and bound against UTC, {report.Day}; {Series}</text>");
        Axes(svg, most, Y);
        foreach ((int at, Minute m) in minutes)
        {
            int x = Left + at;
            if (!double.IsNaN(m.Bound))
            {
                Add(svg, Rectangle("bound", x, Y(m.Bound), Y(-m.Bound) - Y(m.Bound), "#d5d5d5"));
                Add(svg, Rectangle("offset", x, Y(m.Highest), Math.Max(1, Y(m.Lowest) - Y(m.Highest)), "#1f5fbf"));
            }

            Add(
                svg,
                $"<rect class=\"state\" x=\"{x}\" y=\"{StripTop}\" width=\"1\" height=\"{StripHeight}\" fill=\"{Colour(m.Worst)}\"/>");
        }

        Add(svg, $"<text x=\"{Left}\" y=\"{StripTop + StripHeight + 48}\">{Legend}</text></svg>");
        return svg.ToString();
    }

    private static SortedDictionary<int, Minute> Gather(IReadOnlyList<EvidenceRecord> records)
    {
        SortedDictionary<int, Minute> minutes = [];
        foreach (EvidenceRecord r in records)
        {
            if (r.Text is not null)
                continue;
            int at = (int)(((r.UtcNs % DayNs) + DayNs) % DayNs / MinuteNs);
            bool isClaimed = !double.IsNaN(r.BoundNs);
            var own = new Minute(isClaimed ? r.OffsetNs : double.NaN, isClaimed ? r.OffsetNs : double.NaN, r.BoundNs, r.State);
            minutes[at] = minutes.TryGetValue(at, out Minute m)
                ? new(
                    Least(m.Lowest, own.Lowest),
                    Most(m.Highest, own.Highest),
                    Most(m.Bound, own.Bound),
                    ClockTrust.Worse(m.Worst, own.Worst))
                : own;
        }

        return minutes;
    }

    private static double Least(double a, double b) => double.IsNaN(a) ? b : double.IsNaN(b) ? a : Math.Min(a, b);

    private static double Most(double a, double b) => double.IsNaN(a) ? b : double.IsNaN(b) ? a : Math.Max(a, b);

    private static void Axes(StringBuilder svg, double most, Func<double, double> y)
    {
        Add(svg, $"<rect x=\"{Left}\" y=\"{Top}\" width=\"{Minutes}\" height=\"{Height}\" fill=\"none\" stroke=\"#888\"/>");
        foreach (double part in new[] { -1, -0.5, 0, 0.5, 1 })
        {
            string text = Math.Abs(most) < 10_000
                ? $"{(part * most).ToString("F0", CultureInfo.InvariantCulture)} ns"
                : $"{(part * most / 1000).ToString("F1", CultureInfo.InvariantCulture)} us";
            Add(svg, $"<text x=\"{Left - 6}\" y=\"{y(part * most) + 4:F1}\" text-anchor=\"end\">{text}</text>");
        }

        for (int hour = 0; hour <= 24; hour += 2)
        {
            int x = Left + (hour * 60);
            Add(svg, $"<line x1=\"{x}\" x2=\"{x}\" y1=\"{Top + Height}\" y2=\"{StripTop + StripHeight + 4}\" stroke=\"#888\"/>");
            Add(svg, $"<text x=\"{x}\" y=\"{StripTop + StripHeight + 20}\" text-anchor=\"middle\">{hour:D2}:00</text>");
        }
    }

    private static FormattableString Rectangle(string kind, int x, double y, double height, string fill) =>
        $"<rect class=\"{kind}\" x=\"{x}\" y=\"{y:F2}\" width=\"1\" height=\"{height:F2}\" fill=\"{fill}\"/>";

    private static string Colour(ClockState state) => state switch
    {
        ClockState.Locked => "#2e9e4f",
        ClockState.Degraded or ClockState.Acquiring => "#e3c21a",
        ClockState.Holdover => "#e8871e",
        _ => "#c8312b",
    };

    private static void Add(StringBuilder svg, FormattableString line) => svg.AppendLine(line.ToString(CultureInfo.InvariantCulture));
}
