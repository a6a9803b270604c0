// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Ptp.Simulation;

/// <summary>The bench: every model at every rate over several seeds, as a Markdown table.</summary>
public static class Table
{
    /// <summary>Writes the table; models are those whose names contain <paramref name="only"/>. Seeds count from <paramref name="firstSeed"/>.</summary>
    public static void Write(TextWriter to, int firstSeed, int seeds, IReadOnlyList<int> rates, string only)
    {
        to.WriteLine("| model | messages/s | RMS ns | worst seed | p99 ns | max ns | missed seconds | coverage | half width, median ns | largest ns | shifts found |");
        to.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (Scenario scenario in Scenarios.All().Where(s => s.Name.Contains(only, StringComparison.OrdinalIgnoreCase)))
        {
            foreach (int rate in rates)
            {
                to.WriteLine(Row(scenario, rate, firstSeed, seeds));
                to.Flush();
            }
        }
    }

    private static string Row(Scenario scenario, int rate, int firstSeed, int seeds)
    {
        RunResult[] runs = [.. Enumerable.Range(firstSeed, seeds).Select(seed => new Run(scenario, rate, seed).Go())];
        double rms = Math.Sqrt(runs.Average(r => r.RmsNs * r.RmsNs));
        double[] widths = [.. runs.Select(r => r.MedianHalfWidthNs).Order()];
        int judged = runs.Sum(r => r.JudgedSeconds);
        int missed = runs.Sum(r => r.MissedSeconds);
        return string.Create(CultureInfo.InvariantCulture,
            $"| {scenario.Name} | {rate} | {rms:F1} | {runs.Max(r => r.RmsNs):F1} | {runs.Average(r => r.P99Ns):F1} | {runs.Max(r => r.MaxNs):F0} | {missed} | {100.0 * (judged - missed) / judged:F3} % "
            + $"| {widths[widths.Length / 2]:F0} | {runs.Max(r => r.MaxHalfWidthNs):F0} | {runs.Sum(r => r.Shifts)} |");
    }
}
