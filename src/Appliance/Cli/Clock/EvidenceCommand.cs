// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using Capbox.Platform.Time;
using Capbox.Timing.Evidence;

namespace Capbox.Cli;

/// <summary><c>capbox clock log</c> and <c>capbox clock report</c>: what the recorder wrote down of the clock that it kept. They need no recorder.</summary>
internal static class EvidenceCommand
{
    public static int Log(string archive, string? fromText, string? toText, bool eventsOnly, bool json)
    {
        if (CommonOptions.ReadRange(fromText, toText, UtcTime.Now, out UtcTime from, out UtcTime to) is { } wrong)
            return ErrorOutput.BadUse(wrong);
        return Guarded(archive, () =>
        {
            bool any = false;
            int damaged = 0;
            foreach (DateOnly day in EvidenceFiles.Days(archive))
            {
                IReadOnlyList<EvidenceRecord> records = EvidenceFiles.Read(archive, day, out int torn);
                foreach (EvidenceRecord record in records)
                {
                    if (record.UtcNs < from.Nanoseconds || record.UtcNs >= to.Nanoseconds || (eventsOnly && record.Text is null))
                        continue;
                    any = true;
                    Console.Out.WriteLine(json ? JsonSerializer.Serialize(EvidenceLine.Of(record), ClockJson.Default.EvidenceLine) : Line(record));
                }

                damaged += torn;
            }

            if (damaged > 0)
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{archive}: {damaged} damaged records were left out"));
            return any ? ExitCode.Good : ErrorOutput.Failed($"{archive}: no evidence of a clock in that range");
        });
    }

    public static int Report(string archive, string? dayText, long targetNs, string? svg, string? csv, bool json)
    {
        if (!TryDay(dayText, out DateOnly day))
            return ErrorOutput.BadUse($"--day {dayText}: not a day (2026-11-24, of UTC)");
        if (targetNs <= 0)
            return ErrorOutput.BadUse(string.Create(CultureInfo.InvariantCulture, $"--target {targetNs}: not a number of nanoseconds above 0"));
        return Guarded(archive, () =>
        {
            if (!EvidenceFiles.Days(archive).Contains(day))
                return ErrorOutput.Failed(string.Create(CultureInfo.InvariantCulture, $"{archive}: no evidence of a clock on {day:yyyy-MM-dd}"));
            IReadOnlyList<EvidenceRecord> records = EvidenceFiles.Read(archive, day, out int damaged);
            EvidenceReport report = EvidenceReport.Make(day, records, damaged, targetNs);
            if (svg is not null)
                File.WriteAllText(svg, EvidencePlot.Draw(report, records));
            if (csv is not null)
                File.WriteAllText(csv, EvidenceCsv.Make(records));
            if (json)
            {
                Console.Out.WriteLine(JsonSerializer.Serialize(report, ClockJson.Default.EvidenceReport));
            }
            else
            {
                foreach (string line in Lines(report))
                    Console.Out.WriteLine(line);
            }

            return report.Good ? ExitCode.Good : ExitCode.Failed;
        });
    }

    private static bool TryDay(string? text, out DateOnly day)
    {
        day = EvidenceFiles.DayOf(UtcTime.Now.Nanoseconds);
        return text is null || DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out day);
    }

    internal static int Guarded(string archive, Func<int> work)
    {
        if (ArchiveAccess.WhyNot(archive) is { } wrong)
            return ErrorOutput.Failed(wrong);
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ErrorOutput.Failed(e.Message.Contains(archive, StringComparison.Ordinal) ? e.Message : $"{archive}: {e.Message}");
        }
    }

    private static string Line(EvidenceRecord record)
    {
        string at = new UtcTime(record.UtcNs).ToString();
        if (record.Text is { } text)
            return $"{at}  * {text}";
        string bound = double.IsNaN(record.BoundNs) ? "no bound" : $"within {ClockView.Ns(record.BoundNs)}, offset {ClockView.Ns(record.OffsetNs)}";
        return $"{at}  {record.State.ToString().ToLowerInvariant()}, {bound}";
    }

    private static IEnumerable<string> Lines(EvidenceReport r)
    {
        yield return string.Create(CultureInfo.InvariantCulture, $"{r.Day}: {r.Seconds} seconds from {r.From} to {r.To}, {r.Claimed} with a bound");
        if (r.Divergence is { } d)
            yield return $"divergence from UTC (offset and bound)  median {ClockView.Ns(d.P50)}, 95 % {ClockView.Ns(d.P95)}, 99 % {ClockView.Ns(d.P99)}, 99.9 % {ClockView.Ns(d.P999)}, largest {ClockView.Ns(d.Max)}";
        yield return string.Create(CultureInfo.InvariantCulture, $"within 100 us (RTS 25)  {r.WithinRts25} seconds; within {ClockView.Ns(r.TargetNs)}  {r.WithinTarget}");
        yield return "states  " + string.Join(", ", r.SecondsByState.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Key.ToLowerInvariant()} {s.Value} s")));
        foreach (EvidenceReference reference in r.References)
            yield return string.Create(CultureInfo.InvariantCulture, $"grandmaster {reference.Reference}, domain {reference.Domain}, class {reference.ClockClass}, {reference.StepsRemoved} steps: {reference.Seconds} s");
        foreach (EvidenceGap gap in r.Gaps)
            yield return string.Create(CultureInfo.InvariantCulture, $"gap  {gap.From} to {gap.To}, {gap.Seconds:F1} s");
        foreach (EvidenceEvent happened in r.Events)
            yield return $"event  {happened.At}  {happened.What}";
        if (r.LeftOut > 0)
            yield return string.Create(CultureInfo.InvariantCulture, $"{r.LeftOut} more events and gaps are not listed");
        foreach (string assumption in r.Assumptions)
            yield return "assumed  " + assumption;
        yield return r.Good ? "GOOD: every second from the first to the last was within 100 us of UTC" : "NOT SHOWN: " + string.Join(", ", r.Reasons);
    }
}

/// <summary>A record as <c>clock log --json</c> writes it: a line each.</summary>
internal sealed record EvidenceLine(
    string At, long RawNs, string? Event, string? State, double? OffsetNs, double? BoundNs, Timing.ClockBoundParts? Parts, double? FrequencyPpb, string? Grandmaster, int? Domain, int? ClockClass, int? StepsRemoved,
    int? UtcOffsetSeconds, uint? Steps, string? SystemState, double? SystemOffsetNs, double? SystemBoundNs)
{
    public static EvidenceLine Of(EvidenceRecord r)
    {
        string at = new UtcTime(r.UtcNs).ToString();
        if (r.Text is not null)
            return new(at, r.RawNs, r.Text, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
        bool hasMaster = r.Grandmaster != 0, hasSystem = r.SystemState is not null;
        return new(
            at, r.RawNs, null, r.State.ToString(), r.OffsetNs, Known(r.BoundNs), r.Parts, r.FrequencyPpb, hasMaster ? new Ptp.Messages.ClockIdentity(r.Grandmaster).ToString() : null, hasMaster ? r.Domain : null,
            hasMaster ? r.ClockClass : null, hasMaster ? r.StepsRemoved : null, r.UtcOffsetSeconds == 0 ? null : r.UtcOffsetSeconds, r.Steps, r.SystemState?.ToString(), hasSystem ? r.SystemOffsetNs : null,
            hasSystem ? Known(r.SystemBoundNs) : null);
    }

    private static double? Known(double ns) => double.IsNaN(ns) ? null : ns;
}
