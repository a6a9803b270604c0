// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Cli;

/// <summary>One line on standard error, redrawn at most ten times a second, gone when the work is done. For a terminal; in a pipe there is none.</summary>
internal sealed class ProgressBar
{
    private const int Width = 30;
    private const int FirstMs = 200, EveryMs = 100;
    private readonly long _startMs = Environment.TickCount64;
    private long _nextMs = Environment.TickCount64 + FirstMs;
    private bool _drawn;

    private ProgressBar()
    {
    }

    /// <summary>Whether it is time to draw: ask before composing text.</summary>
    public bool IsDue => Environment.TickCount64 >= _nextMs;

    /// <summary>A bar, or null when standard error is no terminal.</summary>
    public static ProgressBar? OnTerminal() => Console.IsErrorRedirected ? null : new ProgressBar();

    /// <param name="done">Of the total, in its unit.</param>
    /// <param name="total">0 counts as done.</param>
    /// <param name="before">Text before the bar.</param>
    /// <param name="after">Text behind the percentage.</param>
    public void Draw(double done, double total, string before = "", string after = "")
    {
        long now = Environment.TickCount64;
        _nextMs = now + EveryMs;
        _drawn = true;
        double part = total <= 0 ? 1 : Math.Clamp(done / total, 0, 1);
        int full = (int)(part * Width);
        TimeSpan left = part > 0 ? TimeSpan.FromMilliseconds((now - _startMs) / part * (1 - part)) : TimeSpan.Zero;
        string bar = string.Create(CultureInfo.InvariantCulture, $"[{new string('#', full)}{new string('.', Width - full)}] {part:P0}");
        string[] pieces = [before, bar, after, $"{Humanize.Duration(left)} left"];
        Console.Error.Write("\r\e[K" + string.Join("  ", pieces.Where(p => p.Length > 0)));
    }

    /// <summary>A line without a bar, for work without an end.</summary>
    public void DrawEndless(string text)
    {
        long now = Environment.TickCount64;
        _nextMs = now + EveryMs;
        _drawn = true;
        Console.Error.Write($"\r\e[K{text}  {Humanize.Duration(TimeSpan.FromMilliseconds(now - _startMs))}");
    }

    public void Clear()
    {
        if (_drawn)
            Console.Error.Write("\r\e[K");
        _drawn = false;
    }
}

/// <summary>Calls back on the reporting thread, unlike <see cref="Progress{T}"/>.</summary>
internal sealed class Reporter<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
