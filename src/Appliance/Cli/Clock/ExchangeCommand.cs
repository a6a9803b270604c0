// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using Capbox.Platform.Time;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Timing.Raw;

namespace Capbox.Cli;

/// <summary><c>capbox clock log --raw</c>: t1 to t4 of every exchange that was written down. It needs no recorder.</summary>
internal static class ExchangeCommand
{
    public static int Log(string archive, string? fromText, string? toText, bool json)
    {
        if (CommonOptions.ReadRange(fromText, toText, UtcTime.Now, out UtcTime from, out UtcTime to) is { } wrong)
            return ErrorOutput.BadUse(wrong);
        return EvidenceCommand.Guarded(archive, () =>
        {
            bool any = false;
            int damaged = 0;
            foreach (int number in ExchangeFiles.Numbers(archive))
            {
                damaged += ExchangeFiles.Read(archive, number, record =>
                {
                    if (record.UtcNs < from.Nanoseconds || record.UtcNs >= to.Nanoseconds)
                        return;
                    any = true;
                    Console.Out.WriteLine(json ? JsonSerializer.Serialize(ExchangeLine.Of(record), ClockJson.Default.ExchangeLine) : Line(record));
                });
            }

            if (damaged > 0)
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{archive}: {damaged} damaged records were left out"));
            return any ? ExitCode.Good : ErrorOutput.Failed($"{archive}: no exchanges in that range; \"exchangeLog\" in the section clock has them written");
        });
    }

    private static string Line(in ExchangeRecord r)
    {
        (PathSample sync, PathSample delay) = (r.Exchange.Sync, r.Exchange.Delay);
        return string.Create(CultureInfo.InvariantCulture, $"{new UtcTime(r.UtcNs)}{(r.Source.IsReference ? " *" : "  ")} {r.Source.Port} domain {r.Source.Domain}")
            + string.Create(CultureInfo.InvariantCulture, $"  t1 {sync.Sent.Nanoseconds} t2 {sync.Received.Nanoseconds} t3 {delay.Sent.Nanoseconds} t4 {delay.Received.Nanoseconds}")
            + string.Create(CultureInfo.InvariantCulture, $"  offset {r.Exchange.OffsetNs:F1} delay {r.Exchange.PathDelayNs:F1} ns{(r.LeftOut > 0 ? $", {r.LeftOut} before it are missing" : "")}");
    }
}

/// <summary>An exchange as <c>clock log --raw --json</c> writes it: a line each. Stamps in ns of the timescale, corrections in ns.</summary>
internal sealed record ExchangeLine(
    string At, string Grandmaster, string Port, int Domain, bool IsReference, bool IsTai, int SyncSequence, int DelaySequence, long T1, long T2, long T3, long T4, double SyncCorrectionNs, double DelayCorrectionNs, double OffsetNs,
    double DelayNs, uint LeftOut)
{
    public static ExchangeLine Of(in ExchangeRecord r)
    {
        (PathSample sync, PathSample delay) = (r.Exchange.Sync, r.Exchange.Delay);
        return new(
            new UtcTime(r.UtcNs).ToString(), r.Source.Grandmaster.ToString(), r.Source.Port.ToString(), r.Source.Domain, r.Source.IsReference, r.Source.Timescale == Timescale.Ptp, sync.SequenceId, delay.SequenceId,
            sync.Sent.Nanoseconds, sync.Received.Nanoseconds, delay.Sent.Nanoseconds, delay.Received.Nanoseconds, sync.Correction.Nanoseconds, delay.Correction.Nanoseconds, r.Exchange.OffsetNs, r.Exchange.PathDelayNs,
            r.LeftOut);
    }
}
