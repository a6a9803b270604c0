// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Health;
using Capbox.Packets.Capture;

namespace Capbox.Cli;

/// <summary><c>capbox top</c>: a running recorder, live.</summary>
internal static class TopCommand
{
    public static int Run(string archive, string interval, bool json) => LiveLoop.Run(archive, interval, new View(), json ? answer => answer : null);

    private sealed class View : ILiveView
    {
        private BoxSnapshot? _first, _before, _now;

        public void Take(BoxSnapshot now) => (_first, _before, _now) = (_first ?? now, _now, now);

        public IReadOnlyList<string> Lines(int widthColumns, int heightLines) => TopView.Lines(_first!, _before ?? _now!, _now!, widthColumns, heightLines);

        public string? Line() => _before is null ? null
            : $"{_now!.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)} {StatusView.Summary(_before, _now)}";
    }
}

/// <summary>What <c>capbox top</c> shows: a pure function.</summary>
internal static class TopView
{
    /// <summary>Lines for a terminal, cut to its size; what is wrong comes last of the live block and is kept before the rest.</summary>
    /// <param name="first">When this view began.</param>
    /// <param name="before">The look before, for rates.</param>
    /// <param name="now">The box.</param>
    /// <param name="widthColumns">Of the terminal.</param>
    /// <param name="heightLines">Of the terminal; one stays free.</param>
    public static IReadOnlyList<string> Lines(BoxSnapshot first, BoxSnapshot before, BoxSnapshot now, int widthColumns, int heightLines)
    {
        int width = Math.Max(widthColumns, 20);
        List<string> lines = [$"capbox recording for {Humanize.Duration(now.Uptime)}; seen here for {Humanize.Duration(now.Uptime - first.Uptime)}; Ctrl-C ends this view, not the recording"];
        lines.AddRange(StatusView.Live(before, now, width).Skip(1));
        foreach (PortLedger port in now.Ports)
        {
            PortLedger? was = first.Ports.FirstOrDefault(p => p.Port == port.Port);
            ulong lost = was is null || was.LostPackets > port.LostPackets ? port.LostPackets : port.LostPackets - was.LostPackets;
            if (port.Rings.Any(r => r.Blocks > 0))
                lines.Add(RingText(port));
            if (lost > 0)
                lines.Add($"LOSS  {port.Port} lost {Humanize.Count(lost)} packets since this view began");
        }

        if (UntilFull(first, now) is { } left)
            lines.Add($"full  at this rate in {left}, unless retention deletes");
        return [.. lines.Select(l => l.Length <= width ? l : l[..width]).Take(Math.Max(heightLines - 1, 1))];
    }

    /// <summary>How near a port's rings are to loss: the fullest one now, and ever.</summary>
    private static string RingText(PortLedger port)
    {
        RingLedger now = port.Rings.MaxBy(r => RingLedger.Share(r.FilledBlocks, r.Blocks))!, ever = port.Rings.MaxBy(r => RingLedger.Share(r.FilledHighBlocks, r.Blocks))!;
        return string.Create(CultureInfo.InvariantCulture,
            $"rings {port.Port}: {port.Rings.Count}, fullest now {RingLedger.Share(now.FilledBlocks, now.Blocks):0 %} (ring {now.Ring}), ever {RingLedger.Share(ever.FilledHighBlocks, ever.Blocks):0 %} (ring {ever.Ring})");
    }

    private static string? UntilFull(BoxSnapshot first, BoxSnapshot now)
    {
        double seconds = (now.Uptime - first.Uptime).TotalSeconds;
        if (seconds < 1 || now.Storage.BytesWritten <= first.Storage.BytesWritten)
            return null;
        double left = now.Storage.FreeBytes / ((now.Storage.BytesWritten - first.Storage.BytesWritten) / seconds);
        return left < 3600 ? string.Create(CultureInfo.InvariantCulture, $"{left / 60:0} minutes")
            : left < 48 * 3600 ? string.Create(CultureInfo.InvariantCulture, $"{left / 3600:0.0} hours")
            : string.Create(CultureInfo.InvariantCulture, $"{left / 86400:0} days");
    }
}
