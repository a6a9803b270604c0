// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using Capbox.Platform.Time;

namespace Capbox.Timing.Evidence;

/// <summary>Evidence as comma-separated values (RFC 4180): a header, then a line for each second and each event.</summary>
internal static class EvidenceCsv
{
    private const string Header = "time,state,offset_ns,bound_ns,grandmaster,domain,clock_class,utc_offset_s,steps,"
        + "system_state,system_offset_ns,system_bound_ns,event";

    public static string Make(IEnumerable<EvidenceRecord> records)
    {
        var text = new StringBuilder(Header).Append("\r\n");
        foreach (EvidenceRecord r in records)
        {
            string[] fields =
            [
                new UtcTime(r.UtcNs).ToString(),
                r.State.ToString().ToLowerInvariant(),
                Number(r.OffsetNs),
                Number(r.BoundNs),
                r.Grandmaster == 0 ? "" : new Ptp.Messages.ClockIdentity(r.Grandmaster).ToString(),
                r.Grandmaster == 0 ? "" : Whole(r.Domain),
                r.Grandmaster == 0 ? "" : Whole(r.ClockClass),
                r.UtcOffsetSeconds == 0 ? "" : Whole(r.UtcOffsetSeconds),
                Whole(r.Steps),
                r.SystemState?.ToString().ToLowerInvariant() ?? "",
                r.SystemState is null ? "" : Number(r.SystemOffsetNs),
                r.SystemState is null ? "" : Number(r.SystemBoundNs),
                r.Text ?? "",
            ];
            text.AppendJoin(',', fields.Select(Quoted)).Append("\r\n");
        }

        return text.ToString();
    }

    /// <summary>Empty without a bound.</summary>
    private static string Number(double ns) => double.IsFinite(ns) ? ns.ToString("0.###", CultureInfo.InvariantCulture) : "";

    private static string Whole(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Quoted(string field) =>
        field.AsSpan().IndexOfAny(",\"\r\n") < 0 ? field : $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
