// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Capbox.Vm;

/// <summary>What became of a case.</summary>
/// <param name="Why">The reason of a failure in one line, empty when the case is good.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="CpuSeconds">What it used of the machine's processors; 0 when the guest ended.</param>
internal sealed record Result(Case Case, string Why, double Seconds, double CpuSeconds, IReadOnlyList<string> Log)
{
    public bool Good => Why == "";
}

/// <summary>
/// One boot of a guest: runs cases in it one by one until none is left or one of them fails. After that nothing the guest does can be
/// trusted, so the boot is over and the remaining cases are left for another.
/// </summary>
/// <param name="guest">Where it runs.</param>
/// <param name="console">Log of the boot.</param>
/// <param name="slowness">By how much limits are longer.</param>
/// <param name="isVirtual">The guest's time counts instructions: limits count what QEMU uses of a processor, so that a busy machine makes no case fail.</param>
/// <param name="progress">Is called with what is done now.</param>
internal sealed class Boot(Guest guest, TextWriter console, double slowness, bool isVirtual, Action<string> progress)
{
    // A guest that counts instructions never sleeps; one that uses no processor for that many times its limit is stuck.
    private const int VirtualPatience = 20;
    private const char Mark = '\x1e';
    private const int BootSeconds = 180;
    private const int LogLines = 20_000;
    private static readonly TimeSpan _longest = TimeSpan.FromHours(1);
    private static readonly TimeSpan _silence = TimeSpan.FromSeconds(2);
    private readonly List<string> _log = [];
    private bool _dead;

    /// <summary>Whether init said that it is ready; the log of the boot when it did not.</summary>
    public bool Start(out string why, out IReadOnlyList<string> log)
    {
        why = Follow(null, TimeSpan.FromSeconds(BootSeconds * slowness), line => line == Mark + "ready", _ => true);
        log = [.. _log];
        return why == "";
    }

    /// <summary>Runs cases from the queue, and leaves in it what must run in another boot.</summary>
    public IEnumerable<Result> Run(Queue<Case> pending)
    {
        while (!_dead && pending.TryDequeue(out Case? next))
        {
            progress(next.Name);
            yield return RunOne(next);
        }
    }

    /// <summary>Asks for the leaks the debug kernel finds, then turns the guest off.</summary>
    public string Stop(bool leaks, out IReadOnlyList<string> log)
    {
        string why = "";
        _log.Clear();
        if (!_dead && leaks)
            why = Command(null, "leaks", "leaks", TimeSpan.FromSeconds(120 * slowness));
        log = [.. _log];
        if (!_dead)
        {
            guest.Send("off");
            var clock = Stopwatch.StartNew();
            while (clock.Elapsed < TimeSpan.FromSeconds(20 * slowness) && guest.TryRead(out Line line, _silence) && line.Source != Source.Exit)
                console.WriteLine(line.Text);
        }

        return why;
    }

    private Result RunOne(Case c)
    {
        _log.Clear();
        var clock = Stopwatch.StartNew();
        double cpu = guest.CpuSeconds;
        string why = Command(c, c.Name, $"run {c.Name} {c.Network} {c.Module}", TimeSpan.FromSeconds(c.TimeoutSeconds * slowness));
        return new Result(c, why, clock.Elapsed.TotalSeconds, Math.Max(0, guest.CpuSeconds - cpu), [.. _log]);
    }

    /// <summary>Sends a command and waits for its end on both channels: the console may come later than the case's own output.</summary>
    private string Command(Case? c, string name, string command, TimeSpan limit)
    {
        guest.Send(command);
        string status = "";
        string end = $"{Mark}end {name} ";
        string why = Follow(
            c,
            limit,
            line =>
            {
                if (line.StartsWith(end, StringComparison.Ordinal))
                    status = line[end.Length..];
                return status != "";
            },
            line => line.EndsWith("capbox-vm: end " + name, StringComparison.Ordinal));
        if (why != "")
            return why;
        // What a case left behind, a pending leap second for example, would be the next one's failure. Those of the self-test fail as they should.
        _dead |= status.Contains(',') || (status != "0" && c?.Expect == "");
        return status == "0" ? "" : "exit " + status;
    }

    /// <summary>Reads lines until both channels have said what was waited for. Returns why that did not happen, or nothing.</summary>
    private string Follow(Case? c, TimeSpan limit, Func<string, bool> caseEnds, Func<string, bool> consoleEnds)
    {
        var clock = Stopwatch.StartNew();
        double cpu = guest.CpuSeconds;
        bool caseEnded = false, consoleEnded = false;
        while (!caseEnded || !consoleEnded)
        {
            TimeSpan left = limit - clock.Elapsed;
            if (isVirtual && clock.Elapsed < limit * VirtualPatience)
                left = guest.CpuSeconds - cpu < limit.TotalSeconds ? _silence : TimeSpan.Zero;
            if (!guest.TryRead(out Line line, left < _longest ? left : _longest))
            {
                if (left <= TimeSpan.Zero)
                    return Hung(limit);
                continue;
            }

            Log(line);
            switch (line.Source)
            {
                case Source.Exit:
                    _dead = true;
                    return "the guest ended";
                case Source.Console when IsSplat(c, line.Text):
                    Drain(line.Text);
                    return line.Text.Trim();
                case Source.Console:
                    consoleEnded |= consoleEnds(line.Text);
                    break;
                default:
                    caseEnded |= caseEnds(line.Text);
                    break;
            }
        }

        return "";
    }

    private static bool IsSplat(Case? c, string text) =>
        Splats.Begins(text) && (c is null || c.Allow == "" || !Regex.IsMatch(text, c.Allow));

    /// <summary>The rest of a report: up to its last line or until the console is silent, at most 15 s.</summary>
    private void Drain(string first)
    {
        _dead = true;
        var clock = Stopwatch.StartNew();
        bool ended = Splats.Ends(first);
        while (clock.Elapsed < TimeSpan.FromSeconds(15) && guest.TryRead(out Line line, ended ? TimeSpan.FromMilliseconds(500) : _silence))
        {
            Log(line);
            if (line.Source == Source.Exit)
                return;
            ended |= Splats.Ends(line.Text);
        }
    }

    /// <summary>Asks the kernel where its processors and its blocked tasks are, as far as it still answers.</summary>
    private string Hung(TimeSpan limit)
    {
        _log.Add($"no end within {limit.TotalSeconds:0} s; backtraces of the processors (sysrq l), blocked tasks (sysrq w):");
        guest.Sysrq('l');
        Drain("");
        guest.Sysrq('w');
        Drain("");
        return $"no end within {limit.TotalSeconds:0} s";
    }

    private void Log(Line line)
    {
        console.WriteLine(line.Text);
        if (_log.Count == LogLines)
            _log.Add($"(more than {LogLines} lines)");
        // What init reports is not for people.
        if (_log.Count < LogLines && !line.Text.StartsWith(Mark))
            _log.Add(line.Text);
    }
}
