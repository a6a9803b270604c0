// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;
using Capbox.Commands;
using Capbox.Packets.Archive;
using Capbox.Packets.Extract;
using Capbox.Platform.Time;

namespace Capbox.Cli;

/// <summary>What <c>capbox hold add</c> was given.</summary>
internal sealed record HoldArguments(string Archive, string From, string To, string[] Ports, string? Filter, string Reason, string? Expires, bool Json);

/// <summary><c>capbox hold add|list|remove</c>: works on the archive's holds file, with a recorder running or without.</summary>
internal static class HoldCommand
{
    public static int Add(HoldArguments arguments)
    {
        UtcTime now = UtcTime.Now;
        if (CommonOptions.ReadRange(arguments.From, arguments.To, now, out UtcTime from, out UtcTime to) is { } wrong)
            return ErrorOutput.BadUse(wrong);
        if (arguments.Reason.Trim().Length is 0 or > HoldCommands.MaxReasonLength)
            return ErrorOutput.BadUse($"--reason: 1 to {HoldCommands.MaxReasonLength} characters");
        // As the control socket has it.
        foreach ((string option, string text) in new[] { ("--reason", arguments.Reason), ("--filter", arguments.Filter ?? ""), ("--port", string.Concat(arguments.Ports)) })
        {
            if (text.Any(char.IsControl))
                return ErrorOutput.BadUse($"{option}: none of its characters may be a control character");
        }

        UtcTime? expires = null;
        if (arguments.Expires is not null)
        {
            string text = char.IsAsciiDigit(arguments.Expires.FirstOrDefault()) && TimeArgument.TryParseDuration(arguments.Expires, out _) ? "+" + arguments.Expires : arguments.Expires;
            if (!TimeArgument.TryParseEnd(text, now, now, out UtcTime end) || end <= now)
                return ErrorOutput.BadUse($"--expires {arguments.Expires}: not a time to come (30d, or a time as --from)");
            expires = end;
        }

        var hold = new Hold
        {
            Id = "",
            FromUtcNs = from.Nanoseconds,
            ToUtcNs = to.Nanoseconds,
            Ports = arguments.Ports,
            Filter = arguments.Filter,
            Reason = arguments.Reason.Trim(),
            By = $"cli:{Environment.UserName}",
            CreatedUtcNs = now.Nanoseconds,
            ExpiresUtcNs = expires?.Nanoseconds,
        };
        return Guarded(arguments.Archive, () => Add(arguments, hold));
    }

    public static int List(string archive, bool json) => Guarded(archive, () =>
    {
        List<HoldListing> listings = [.. HoldStore.Peek(archive).Holds.Select(hold => HoldListing.Make(hold, HoldPlanner.Covered(archive, [hold], ArchiveAccess.Index)))];
        if (json)
        {
            Json.WriteLine((IReadOnlyList<HoldListing>)listings, Json.Default.IReadOnlyListHoldListing);
            return ExitCode.Good;
        }

        TextTable table = new("ID", "FROM (UTC)", "TO (UTC)", "PORTS", ">SEGMENTS", ">SIZE", "EXPIRES (UTC)", "BY", "REASON");
        foreach (HoldListing h in listings)
        {
            table.Add(
                h.Id, h.From[..23], h.To[..23], h.Ports.Count == 0 ? "all" : Humanize.Visible(string.Join(',', h.Ports)), Humanize.Count((ulong)h.Segments), Humanize.Bytes(h.Bytes), h.Expires?[..19] ?? "never", h.By,
                Humanize.Visible(h.Filter is null ? h.Reason : $"{h.Reason} ({h.Filter})"));
        }

        foreach (string line in table.Lines())
            Console.Out.WriteLine(line);
        return ExitCode.Good;
    });

    public static int Remove(string archive, string id) => Guarded(
        archive, () => HoldStore.Remove(archive, id) ? ExitCode.Good : ErrorOutput.Failed($"{id}: no such hold; capbox hold list shows them"));

    private static int Add(HoldArguments arguments, Hold hold)
    {
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            stop.Cancel();
        });
        ProgressBar? bar = ProgressBar.OnTerminal();
        try
        {
            HoldPlan plan = HoldPlanner.Add(arguments.Archive, hold, ArchiveAccess.Index, Progress(bar), stop.Token);
            bar?.Clear();
            if (arguments.Json)
                Json.WriteLine(HoldListing.Make(plan.Hold, plan.Covered), Json.Default.HoldListing);
            else
                Console.Out.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{plan.Hold.Id}: {plan.Covered.Count} segments, {Humanize.Bytes(plan.Covered.Sum(s => s.Bytes))}; all holds together {Humanize.Bytes(plan.HeldBytes)} of {Humanize.Bytes(plan.QuotaBytes)}"));
            return ExitCode.Good;
        }
        catch (OperationCanceledException)
        {
            return ErrorOutput.Failed("interrupted; nothing is held");
        }
        catch (ExtractException e)
        {
            return ErrorOutput.BadUse(CommonOptions.Name(e.Field, e.Message));
        }
        finally
        {
            bar?.Clear();
        }
    }

    private static Reporter<CatalogProgress>? Progress(ProgressBar? bar) => bar is null ? null : new Reporter<CatalogProgress>(p =>
    {
        if (bar.IsDue)
            bar.Draw(p.Done, p.Total, "filter", $"{p.Done} of {p.Total} segments");
    });

    private static int Guarded(string archive, Func<int> work)
    {
        if (ArchiveAccess.WhyNot(archive) is { } wrong)
            return ErrorOutput.Failed(wrong);
        try
        {
            return work();
        }
        catch (HoldException e)
        {
            return ErrorOutput.Failed(CommonOptions.Name(e.Field, e.Message));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ErrorOutput.Failed(e.Message.Contains(archive, StringComparison.Ordinal) ? e.Message : $"{archive}: {e.Message}");
        }
    }
}
