// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Pcapng;
using Capbox.Timing;

namespace Capbox.Cli;

/// <summary>The kept clock as text.</summary>
internal static class ClockView
{
    /// <summary>One line, and one more for what is wrong.</summary>
    public static IEnumerable<string> Lines(ClockSnapshot clock)
    {
        yield return $"clock  {clock.State.ToString().ToLowerInvariant()}{(clock.BoundNs is { } bound ? $", within {Ns(bound)} of UTC" : "")}, {Following(clock)}";
        if (clock.System is { } system)
            yield return $"system clock  {Follower(system)}";
        foreach (FollowerSnapshot card in clock.Cards)
            yield return $"{card.Clock}  {Follower(card)}";
        if (clock.Fault is { } fault)
            yield return $"FAULT clock: {fault}";
    }

    /// <summary>All of it.</summary>
    public static IEnumerable<string> Details(ClockSnapshot clock)
    {
        foreach (string line in Lines(clock))
            yield return line;
        yield return $"{Keeper(clock)}, {clock.Steps.ToString(CultureInfo.InvariantCulture)} steps";
        if (clock.State is ClockState.Untraceable or ClockState.Unsynchronised)
            yield break;
        yield return $"offset     {Ns(clock.OffsetNs)}, oscillator {clock.FrequencyPpb.ToString("F1", CultureInfo.InvariantCulture)} ppb";
        if (clock.Parts is { } parts)
        {
            yield return $"bound      grandmaster {Ns(parts.Grandmaster)}, asymmetry {Ns(parts.Asymmetry)}, statistics {Ns(parts.Statistical)}, reading {Ns(parts.Read)}, "
                + $"holdover {Ns(parts.Holdover)}, unresolved {Ns(parts.Unresolved)}";
        }

        yield return $"TAI - UTC  {(clock.UtcOffsetSeconds is { } seconds ? string.Create(CultureInfo.InvariantCulture, $"{seconds} s") : "not known")}";
        if (clock.Source == "capbox")
            yield return string.Create(CultureInfo.InvariantCulture, $"masters    {clock.Agreeing} of {clock.Masters} agree");
    }

    private static string Follower(FollowerSnapshot follower) =>
        $"{follower.State.ToString().ToLowerInvariant()}{(follower.BoundNs is { } bound ? $", within {Ns(bound)} of UTC, {Ns(follower.OffsetNs)} from the kept clock" : "")}";

    /// <summary>Who steers what.</summary>
    private static string Keeper(ClockSnapshot clock) => clock.Source == "capbox"
        ? $"steers     {clock.Clock ?? "none"}{(clock.Steered ? "" : " (measured only)")}"
        : $"{clock.Source,-10} steers {clock.Clock ?? "nothing that is known"}{(clock.Doing is { } doing ? $": {doing}" : "")}";

    private static string Following(ClockSnapshot clock)
    {
        string where = clock.Interface.Length > 0 ? $" on {clock.Interface}" : "";
        return clock.Grandmaster is not { } master ? clock.Source == "chronyd" ? "no NTP server" : $"no grandmaster{where}"
            : clock.Stratum is { } stratum ? string.Create(CultureInfo.InvariantCulture, $"NTP server or reference clock {master}, stratum {stratum}")
            : string.Create(CultureInfo.InvariantCulture, $"grandmaster {master} (class {clock.ClockClass}, domain {clock.Domain}, {clock.StepsRemoved} steps){where}");
    }

    /// <summary>Nanoseconds as people read them.</summary>
    public static string Ns(double ns) => Math.Abs(ns) switch
    {
        < 10_000 => string.Create(CultureInfo.InvariantCulture, $"{ns:F0} ns"),
        < 10_000_000 => string.Create(CultureInfo.InvariantCulture, $"{ns / 1e3:F1} us"),
        < 10_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{ns / 1e6:F1} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{ns / 1e9:F1} s"),
    };
}
