// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>
/// The masters of all domains: admits their Announces, expires them, selects the best of each domain and the reference among these, and
/// compares their offsets.
/// </summary>
internal sealed class MasterSelector
{
    /// <summary>Offsets older than this plus four Delay_Req intervals are not compared.</summary>
    private const long ComparedForNs = 10 * Intervals.SecondNs;

    private readonly EngineOptions _options;
    private readonly EngineCounters _counters;
    private readonly EventRaiser _events;
    private readonly ReferenceUtc _utc;
    private readonly double[] _offsets;
    private bool _isAgreed = true;

    public MasterSelector(EngineOptions options, EngineCounters counters, EventRaiser events, ReferenceUtc utc)
    {
        (_options, _counters, _events, _utc) = (options, counters, events, utc);
        Domains = [.. options.Domains.Select(number => new DomainTable(number, options, counters))];
        _offsets = new double[options.Domains.Count * options.MastersPerDomain];
    }

    /// <summary>In order of preference.</summary>
    public DomainTable[] Domains { get; }

    /// <summary>The master to follow; null without one.</summary>
    public Master? Reference { get; private set; }

    /// <summary>The domain of the reference.</summary>
    public DomainTable? ReferenceDomain { get; private set; }

    /// <summary>The last comparison of all measured masters.</summary>
    public MasterComparison Comparison { get; private set; }

    /// <summary>State of the reference; null without one.</summary>
    public MasterStatus? ReferenceStatus => Reference is null ? null : StatusOf(ReferenceDomain!, Reference);

    public bool IsReference(Master master) => ReferenceEquals(master, Reference);

    public DomainTable? Find(byte number)
    {
        foreach (DomainTable domain in Domains)
        {
            if (domain.Number == number)
                return domain;
        }

        return null;
    }

    public DomainTable? DomainOf(Master master)
    {
        foreach (DomainTable domain in Domains)
        {
            if (Array.IndexOf(domain.Masters, master) >= 0)
                return domain;
        }

        return null;
    }

    /// <summary>Copies the state of all masters, domain by domain; returns how many. Masters that do not fit are left out.</summary>
    public int CopyTo(Span<MasterStatus> to)
    {
        int count = 0;
        foreach (DomainTable domain in Domains)
        {
            foreach (Master master in domain.Masters)
            {
                if (master.IsUsed && count < to.Length)
                    to[count++] = StatusOf(domain, master);
            }
        }

        return count;
    }

    /// <summary>Processes an Announce.</summary>
    public void Announced(DomainTable domain, in PtpMessage message, in Arrival arrival)
    {
        Master? master = domain.Find(message.Header.Source);
        if (!domain.Admits(message))
        {
            // The master no longer announces what it was followed for.
            if (master is not null && domain.IsGenuine(master, message, arrival.Source))
                Remove(domain, master, arrival.NowNs);
            return;
        }

        if (master is { } old && old.HasTimedOut(arrival.NowNs))
        {
            Remove(domain, old, arrival.NowNs);
            master = null;
        }

        if (master is null)
        {
            master = domain.Place();
            _counters.Add(master is null ? Cause.TableFull : Cause.AnnounceUsed);
            master?.Occupy(message, arrival.Source, arrival.NowNs);
            return;
        }

        if (!domain.IsGenuine(master, message, arrival.Source))
            return;
        _counters.Add(Cause.AnnounceUsed);
        Update(domain, master, message, arrival.NowNs);
    }

    /// <summary>Expires masters and Syncs by timeout.</summary>
    public void Expire(long nowNs)
    {
        foreach (DomainTable domain in Domains)
            Expire(domain, nowNs);
        UpdateReference(nowNs);
    }

    /// <summary>
    /// Selects the reference: the best master of the first domain whose master's Syncs arrive. Without one, the previous reference stays as
    /// long as it is announced.
    /// </summary>
    public void UpdateReference(long nowNs)
    {
        DomainTable? best = BestDomain();
        Master? master = best?.Selected;
        if (ReferenceEquals(master, Reference))
            return;
        (Reference, ReferenceDomain) = (master, best);
        if (master is null)
        {
            _utc.Tracker.ReferenceLost();
            _events.RaiseWithoutMaster(EventKind.ReferenceLost, nowNs, 0);
            return;
        }

        _events.Raise(EventKind.ReferenceChanged, nowNs, best!, master, 0, master.Data.Quality.Class);
        _utc.Announced(best!, master, nowNs);
    }

    /// <summary>Compares the recent offsets of all measured masters.</summary>
    public void Compare(long nowNs)
    {
        int count = 0;
        double reference = double.NaN;
        long oldest = nowNs - ComparedForNs - (4 * Intervals.FromLog(_options.LogDelayInterval));
        foreach (DomainTable domain in Domains)
        {
            foreach (Master master in domain.Masters)
            {
                if (!master.IsQualified || master.ExchangedNs < oldest || master.Properties.Timescale != Timescale.Ptp)
                    continue;
                _offsets[count++] = master.OffsetNs;
                if (IsReference(master))
                    reference = master.OffsetNs;
            }
        }

        Comparison = MasterComparison.Compute(_offsets.AsSpan(0, count), reference, _options.DisagreementNs);
        if (Comparison.IsAgreed == _isAgreed || Reference is null)
            return;
        _isAgreed = Comparison.IsAgreed;
        EventKind kind = _isAgreed ? EventKind.MastersAgree : EventKind.MastersDisagree;
        _events.Raise(kind, nowNs, ReferenceDomain!, Reference, Comparison.Agreeing, (long)Comparison.SpreadNs);
    }

    private void Update(DomainTable domain, Master master, in PtpMessage message, long nowNs)
    {
        (DataSet data, TimeProperties properties) = (master.Data, master.Properties);
        if (master.Announced(message, nowNs))
            _events.Raise(EventKind.MasterQualified, nowNs, domain, master, 0, 0);
        else if (ReferenceEquals(master, domain.Selected))
            RaiseChanges(domain, master, data, properties, nowNs);
        Select(domain, nowNs);
        if (IsReference(master))
            _utc.Announced(domain, master, nowNs);
    }

    private void RaiseChanges(DomainTable domain, Master master, in DataSet data, in TimeProperties before, long nowNs)
    {
        (DataSet now, TimeProperties after) = (master.Data, master.Properties);
        _events.RaiseIfChanged(
            EventKind.GrandmasterChanged, nowNs, domain, master, (long)data.Grandmaster.Value, (long)now.Grandmaster.Value);
        _events.RaiseIfChanged(EventKind.ClockClassChanged, nowNs, domain, master, data.Quality.Class, now.Quality.Class);
        _events.RaiseIfChanged(EventKind.ClockAccuracyChanged, nowNs, domain, master, data.Quality.Accuracy, now.Quality.Accuracy);
        _events.RaiseIfChanged(EventKind.TimescaleChanged, nowNs, domain, master, (long)before.Timescale, (long)after.Timescale);
        _events.RaiseIfChanged(EventKind.TraceabilityChanged, nowNs, domain, master, Traceability(before), Traceability(after));
    }

    private static long Traceability(in TimeProperties properties) =>
        (properties.IsTimeTraceable ? 2 : 0) + (properties.IsFrequencyTraceable ? 1 : 0);

    private void Select(DomainTable domain, long nowNs)
    {
        if (!domain.Select())
            return;
        if (domain.Selected is { } selected)
            _events.Raise(EventKind.MasterSelected, nowNs, domain, selected, 0, selected.Data.Quality.Class);
        else
            _events.RaiseWithoutMaster(EventKind.NoMaster, nowNs, domain.Number);
        UpdateReference(nowNs);
    }

    private void Expire(DomainTable domain, long nowNs)
    {
        foreach (Master master in domain.Masters)
        {
            if (!master.IsUsed)
                continue;
            if (master.HasTimedOut(nowNs))
            {
                Remove(domain, master, nowNs);
                continue;
            }

            master.Matcher.Expire(nowNs, master.SyncTimeoutNs);
            if (!master.IsSyncAlive || !master.HasSyncTimedOut(nowNs))
                continue;
            master.IsSyncAlive = false;
            master.Matcher.Restart();
            _events.Raise(EventKind.SyncLost, nowNs, domain, master, 0, (nowNs - master.SyncedNs) / 1_000_000);
        }
    }

    private void Remove(DomainTable domain, Master master, long nowNs)
    {
        if (master.IsQualified)
            _events.Raise(EventKind.MasterLost, nowNs, domain, master, 0, 0);
        master.Free();
        Select(domain, nowNs);
    }

    private DomainTable? BestDomain()
    {
        foreach (DomainTable domain in Domains)
        {
            if (domain.Selected is { IsSyncAlive: true })
                return domain;
        }

        if (ReferenceDomain is { Selected: not null })
            return ReferenceDomain;
        foreach (DomainTable domain in Domains)
        {
            if (domain.Selected is not null)
                return domain;
        }

        return null;
    }

    private MasterStatus StatusOf(DomainTable domain, Master master) => new(
        domain.Number,
        master.Data,
        master.Properties,
        master.Address,
        master.IsQualified,
        ReferenceEquals(master, domain.Selected),
        IsReference(master),
        master.IsSyncAlive,
        master.ExchangedNs == long.MinValue ? null : master.OffsetNs,
        master.ExchangedNs);
}
