// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;

namespace Capbox.Packets.Capture;

/// <summary>
/// Filters of a port that may not compile now: for example, a host name cannot be looked up while the machine starts. They are tried on a
/// thread of their own, since a look-up may take long, and again after <see cref="Again"/>. Of the supervisor's thread.
/// </summary>
internal sealed class FilterWait
{
    public static readonly TimeSpan Again = TimeSpan.FromSeconds(5);

    public static string AgainText { get; } = $"tried again each {Again.TotalSeconds} s";

    /// <summary>The first poll waits so long, counted from the beginning: without names it takes milliseconds.</summary>
    private static readonly TimeSpan s_first = TimeSpan.FromSeconds(1);

    private readonly (string Expression, int SnapLength)[] _filters;
    private readonly Func<string, int, string?> _check;
    private readonly TimeSpan _again, _first;
    private readonly long _begunTicks = Stopwatch.GetTimestamp();
    private Task<(string? Problem, long Ticks)> _trial;
    private string? _problem;

    /// <param name="filters">All must compile.</param>
    /// <param name="problem">Why they do not at the moment, if it is known; they are tried after a while then.</param>
    /// <param name="check">Null if it compiles, else why not; a test has its own.</param>
    /// <param name="again">A test has less.</param>
    /// <param name="first">A test has more.</param>
    public FilterWait(IEnumerable<(string Expression, int SnapLength)> filters, string? problem = null,
        Func<string, int, string?>? check = null, TimeSpan? again = null, TimeSpan? first = null)
    {
        (_filters, _check, _again, _first) = ([.. filters], check ?? FilterCompiler.Check, again ?? Again, first ?? s_first);
        _trial = problem is null ? Try() : Task.FromResult<(string?, long)>((problem, _begunTicks));
    }

    /// <summary>Null once all compile; else why they do not, one line.</summary>
    public string? Poll()
    {
        TimeSpan left = _first - Stopwatch.GetElapsedTime(_begunTicks);
        bool isDone = left > TimeSpan.Zero ? _trial.Wait(left) : _trial.IsCompleted;
        if (!isDone)
            return _problem ?? $"filter \"{_filters[0].Expression}\": its names are being looked up";
        (_problem, long endTicks) = _trial.Result;
        if (_problem is not null && Stopwatch.GetElapsedTime(endTicks) >= _again)
            _trial = Try();
        return _problem;
    }

    private Task<(string? Problem, long Ticks)> Try() => Task.Factory.StartNew(() =>
    {
        string? problem = null;
        foreach ((string expression, int snapLength) in _filters)
            problem ??= _check(expression, snapLength) is { } message ? $"filter \"{expression}\": {message}" : null;
        return (problem, Stopwatch.GetTimestamp());
    }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
