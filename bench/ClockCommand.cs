// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using Capbox.Ptp.Simulation;

namespace Capbox.Bench;

/// <summary>The PTP servo against every oscillator and link of the simulator: the table of docs/internals/time.md.</summary>
internal static class ClockCommand
{
    /// <summary>Seeds that no setting was chosen by: the tests use those from 1 on.</summary>
    private const int FirstSeed = 201;

    public static int Run(string[] args)
    {
        Arguments arguments = new(args);
        int seeds = (int)arguments.Number("seeds", 10, 1, 1000);
        int firstSeed = (int)arguments.Number("first-seed", FirstSeed, 1, 1_000_000);
        string only = arguments.Text("only") ?? "";
        int[] rates = [.. (arguments.Text("rates") ?? "1,8,16").Split(',').Select(Rate)];
        arguments.Done();
        Stopwatch clock = Stopwatch.StartNew();
        Table.Write(Console.Out, firstSeed, seeds, rates, only);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nseeds {firstSeed} to {firstSeed + seeds - 1}, {clock.Elapsed.TotalSeconds:F0} s"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{CostMicroseconds():F1} us of one core for each message with its steering decision and quality"));
        return 0;
    }

    private static int Rate(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int rate) && rate is >= 1 and <= 128
        ? rate
        : throw new UsageException("--rates takes numbers from 1 to 128, separated by commas");

    // The whole of a run, the simulator's own cost included: two messages an interval.
    private static double CostMicroseconds()
    {
        Scenario scenario = Scenarios.Pdv(Scenarios.XoA) with { Seconds = 1000 };
        new Run(scenario, 16, 1).Go();
        // Time of the processor, not of the wall: the machine may be busy.
        TimeSpan before = Environment.CpuUsage.TotalTime;
        new Run(scenario, 16, 2).Go();
        return (Environment.CpuUsage.TotalTime - before).TotalMicroseconds / (2.0 * 16 * scenario.Seconds);
    }
}
