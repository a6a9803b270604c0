// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Capbox.Fleet;

/// <summary>How what is retained is collected.</summary>
/// <param name="QuietMs">All is there when nothing retained came for so long.</param>
/// <param name="MostMs">Not waited any longer.</param>
internal readonly record struct SettleRule(long QuietMs, long MostMs)
{
    public static SettleRule Default { get; } = new(500, 30_000);
}

/// <summary>A connection and what is heard over it: collects the boxes, asks them, takes a change from box to box.</summary>
/// <param name="link">Connected.</param>
/// <param name="roster">What is heard.</param>
internal sealed class FleetSession(FleetLink link, FleetInventory roster)
{
    /// <summary>Topics in one SUBSCRIBE, when boxes are asked for one by one.</summary>
    private const int TopicsAtOnce = 100;

    private const int StepMs = 50;
    private static readonly TimeSpan s_reconnectFor = TimeSpan.FromSeconds(60);

    public FleetInventory FleetInventory => roster;

    public static long NowMs => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000);

    /// <summary>
    /// What boxes have published and the broker kept. Retained messages come right after a subscription, and nothing says which is the
    /// last: the collection is over when none came for a while. Who is there is asked first;
    /// what a box that is there lacks then, as what a broker with a short queue dropped, is asked for once more by name.
    /// </summary>
    /// <param name="rule">When it is over.</param>
    /// <param name="progress">Called now and then.</param>
    /// <param name="end">Given up.</param>
    /// <returns>False: messages still came when the time was up.</returns>
    public async Task<bool> CollectAsync(SettleRule rule, Action progress, CancellationToken end)
    {
        long untilMs = NowMs + rule.MostMs;
        bool isComplete = await AskForAsync([$"{FleetInventory.Root}+/{FleetInventory.Suffixes[0]}"], rule, untilMs, progress, end);
        isComplete &= await AskForAsync([.. FleetInventory.Suffixes.Skip(1).Select(s => $"{FleetInventory.Root}+/{s}")], rule, untilMs, progress, end);
        string[] missing = [.. roster.Boxes.SelectMany(Missing)];
        foreach (string[] some in missing.Chunk(TopicsAtOnce))
        {
            if (NowMs >= untilMs)
                return false;
            isComplete &= await AskForAsync(some, rule, untilMs, progress, end);
            await link.UnsubscribeAsync(some, end);
        }

        return isComplete;
    }

    /// <summary>Listens to what boxes say now and then, so that it is known when each was heard.</summary>
    public async Task ListenAsync(long milliseconds, Action progress, CancellationToken end)
    {
        await link.SubscribeAsync([$"{FleetInventory.Root}+/telemetry/system"], isMuch: true, end);
        long untilMs = NowMs + milliseconds;
        while (NowMs < untilMs)
        {
            await PumpAsync(untilMs, _ => false, end);
            progress();
        }
    }

    /// <summary>Carries a round of questions out.</summary>
    /// <param name="name">The command.</param>
    /// <param name="payload">For a box.</param>
    /// <param name="round">Who, and how many at once.</param>
    /// <param name="answered">Each answer as it comes.</param>
    /// <param name="progress">Called now and then.</param>
    /// <param name="stop">No further box is asked; those that were may answer still.</param>
    public async Task AskAsync(string name, Func<string, byte[]> payload, CommandFanout round, Action<BoxAnswer> answered, Action progress, CancellationToken stop)
    {
        CancellationToken never = CancellationToken.None;
        await link.SubscribeAsync([$"{FleetInventory.Root}+/reply/{link.Requester}"], isMuch: false, never);
        while (!round.IsOver)
        {
            if (stop.IsCancellationRequested)
                round.Stop();
            // Together, so that the time to the broker and back is waited for once.
            await Task.WhenAll(round.Step(NowMs).Select(q => link.PublishAsync(
                $"{FleetInventory.Root}{q.Device}/cmd/{name}", payload(q.Device), retain: false, $"{FleetInventory.Root}{q.Device}/reply/{link.Requester}", q.Correlation, never)));
            await PumpAsync(NowMs + StepMs, m => TakeAnswer(m, round, answered), never);
            foreach (BoxAnswer late in round.Overdue(NowMs))
                answered(late);
            progress();
        }
    }

    /// <summary>Takes a change from box to box.</summary>
    /// <param name="rollout">Who, and how.</param>
    /// <param name="desired">The payload of config/desired for an action.</param>
    /// <param name="progress">Called now and then.</param>
    /// <param name="stop">No further box is begun.</param>
    /// <param name="abandon">Ended at once.</param>
    public async Task RollOutAsync(Rollout rollout, Func<RolloutAction, byte[]> desired, Action progress, CancellationToken stop, CancellationToken abandon)
    {
        Queue<RolloutAction> todo = new();
        while (!(rollout.IsOver && todo.Count == 0) && !abandon.IsCancellationRequested)
        {
            if (stop.IsCancellationRequested)
                rollout.Stop("interrupted");
            try
            {
                foreach (RolloutAction action in rollout.Step(NowMs))
                    todo.Enqueue(action);
                // What a connection that is lost did not take is done over the next one.
                for (; todo.TryPeek(out RolloutAction? next); todo.Dequeue())
                    await DoAsync(next, desired, abandon);
                await PumpAsync(NowMs + StepMs, m => TakeNews(m, rollout), abandon);
                if (link.Gone is { } reason)
                    throw new FleetLinkException(reason);
            }
            catch (FleetLinkException e)
            {
                await ComeBackAsync(e, rollout, abandon);
            }
            catch (OperationCanceledException)
            {
                break;
            }

            progress();
            if (rollout.IsOver)
                rollout.Step(NowMs).ToList().ForEach(todo.Enqueue);
        }

        if (abandon.IsCancellationRequested)
            rollout.Stop("interrupted");
    }

    private Task DoAsync(RolloutAction action, Func<RolloutAction, byte[]> desired, CancellationToken end)
    {
        string root = $"{FleetInventory.Root}{action.Device}/config/";
        return action.Kind switch
        {
            RolloutActionKind.Send => link.PublishAsync(root + "desired", desired(action), retain: true, null, null, end),
            RolloutActionKind.Withdraw => link.PublishAsync(root + "desired", [], retain: true, null, null, end),
            _ => link.PublishAsync(root + "confirm", Encoding.UTF8.GetBytes($"{{\"id\":{JsonSerializer.Serialize(action.Id, FleetJson.Default.String)}}}"), retain: false, null, null, end),
        };
    }

    /// <summary>The broker was lost: with it, for a minute, nothing that a box does is known.</summary>
    private async Task ComeBackAsync(FleetLinkException reason, Rollout rollout, CancellationToken abandon)
    {
        long sinceMs = NowMs;
        if (link.Gone is null)
        {
            // It is there and refuses: that does not go away.
            rollout.Stop(reason.Message);
            throw reason;
        }

        while (NowMs - sinceMs < s_reconnectFor.TotalMilliseconds)
        {
            try
            {
                await Task.Delay(1000, abandon);
                await link.ConnectAsync(abandon);
                rollout.Excuse(NowMs - sinceMs);
                return;
            }
            catch (FleetLinkException)
            {
                // Again, until the time is up.
            }
            catch (OperationCanceledException)
            {
                return; // The caller looks why.
            }
        }

        string lost = string.Create(CultureInfo.InvariantCulture, $"the broker was lost and not reached again within {s_reconnectFor.TotalSeconds} s: {reason.Message}");
        rollout.Stop(lost);
        throw new FleetLinkException(lost);
    }

    private async Task<bool> AskForAsync(IReadOnlyCollection<string> topics, SettleRule rule, long untilMs, Action progress, CancellationToken end)
    {
        long askedMs = NowMs;
        await link.SubscribeAsync(topics, isMuch: true, end);
        // Over a slow line silence means something only after several round trips.
        long quietMs = Math.Max(rule.QuietMs, 3 * (NowMs - askedMs));
        long quietUntilMs = NowMs + quietMs;
        while (NowMs < Math.Min(quietUntilMs, untilMs))
        {
            await PumpAsync(Math.Min(quietUntilMs, untilMs), m =>
            {
                if (m.IsRetained)
                    quietUntilMs = NowMs + quietMs;
                return false;
            }, end);
            progress();
        }

        return quietUntilMs <= untilMs;
    }

    private static IEnumerable<string> Missing(FleetBox box)
    {
        string root = $"{FleetInventory.Root}{box.DeviceId}/";
        if (box.State is null)
            yield return root + "state";
        if (box.Info is null)
            yield return root + "info";
        if (box.Health is null)
            yield return root + "health";
        if (box.Report is null && box.Info is not { MayConfigure: false })
            yield return root + "config/reported";
    }

    private bool TakeAnswer(FleetMessage message, CommandFanout round, Action<BoxAnswer> answered)
    {
        if (message.IsRetained || FleetInventory.Split(message.Topic) is not ({ } device, { } suffix) || suffix != $"reply/{link.Requester}")
            return false;
        if (round.Heard(device, message.Correlation, message.Payload, NowMs) is { } answer)
            answered(answer);
        return true;
    }

    private bool TakeNews(FleetMessage message, Rollout rollout)
    {
        if (roster.Record(message.Topic, message.Payload, message.IsRetained ? null : DateTimeOffset.UtcNow) is { } box)
            rollout.Heard(box.DeviceId, NowMs);
        return true;
    }

    /// <summary>Takes what waits, and waits for one message, until a moment.</summary>
    /// <param name="untilMs">Of <see cref="NowMs"/>.</param>
    /// <param name="take">True: it was taken; else it is the roster's.</param>
    /// <param name="end">Given up.</param>
    private async Task PumpAsync(long untilMs, Func<FleetMessage, bool> take, CancellationToken end)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(end);
        time.CancelAfter((int)Math.Clamp(untilMs - NowMs, 1, StepMs));
        try
        {
            await link.Heard.WaitToReadAsync(time.Token);
        }
        catch (OperationCanceledException) when (!end.IsCancellationRequested)
        {
            return;
        }

        while (NowMs < untilMs && link.Heard.TryRead(out FleetMessage? message))
        {
            if (!take(message))
                roster.Record(message.Topic, message.Payload, message.IsRetained ? null : DateTimeOffset.UtcNow);
        }
    }
}
