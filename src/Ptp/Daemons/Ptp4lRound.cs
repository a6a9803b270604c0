// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Daemons;

/// <summary>Classification of an answer.</summary>
internal enum AnswerUse
{
    Used,

    /// <summary>A second answer to the same query: the first one counts.</summary>
    Repeated,
    Malformed,
}

/// <summary>Collects the answers of one round of queries. No I/O.</summary>
internal sealed class Ptp4lRound(byte domain)
{
    /// <summary>Most ports that are read.</summary>
    private const int MostPorts = 64;

    private readonly Port[] _ports = new Port[MostPorts];
    private readonly byte[] _name = new byte[16];
    private DefaultData? _default;
    private CurrentData? _current;
    private ParentData? _parent;
    private TimeProperties? _properties;
    private TimeStatus? _status;
    private bool _noProperties, _noHardwareClock;
    private int _count, _withData, _withProperties, _withHardwareClock;
    private int _best = -1;

    private struct Port
    {
        public PortIdentity Identity;
        public PortData? Data;
        public StampKindOfPort? Stamps;
        public int? Phc;
        public Letters Name;
        public int NameBytes;
    }

    [System.Runtime.CompilerServices.InlineArray(16)]
    private struct Letters
    {
        private byte _first;
    }

    /// <summary>True after any answer.</summary>
    public bool HasAny { get; private set; }

    public bool IsComplete => Missing is null;

    /// <summary>Name of a query without an answer; null without one.</summary>
    public string? Missing
    {
        get
        {
            if (_default is not { } own)
                return "DEFAULT_DATA_SET";
            int ports = Math.Min(own.Ports, MostPorts);
            return _parent is null ? "PARENT_DATA_SET"
                : _current is null ? "CURRENT_DATA_SET"
                : _properties is null ? "TIME_PROPERTIES_DATA_SET"
                : _status is null ? "TIME_STATUS_NP"
                : _withData < ports ? "PORT_DATA_SET"
                : !_noProperties && _withProperties < ports ? "PORT_PROPERTIES_NP"
                : !_noHardwareClock && _withHardwareClock < ports ? "PORT_HWCLOCK_NP"
                : null;
        }
    }

    /// <summary>Interface name of the best port; valid after <see cref="TryConclude"/>.</summary>
    public ReadOnlySpan<byte> Name => _best < 0 ? default : _name.AsSpan(0, _ports[_best].NameBytes);

    /// <summary>Records an error answer. True if older ptp4l versions do not know the query, so that it is optional.</summary>
    public bool Reject(ManagementId id)
    {
        HasAny = true;
        _noProperties |= id == ManagementId.PortProperties;
        _noHardwareClock |= id == ManagementId.PortHardwareClock;
        return id is ManagementId.PortProperties or ManagementId.PortHardwareClock;
    }

    public AnswerUse Add(in ManagementReply reply)
    {
        HasAny = true;
        switch (reply.Id)
        {
            case ManagementId.DefaultDataSet:
                return Store(ref _default, ManagementData.TryReadDefault(reply.Data, out DefaultData own) && own.Domain == domain, own);
            case ManagementId.CurrentDataSet:
                return Store(ref _current, ManagementData.TryReadCurrent(reply.Data, out CurrentData current), current);
            case ManagementId.ParentDataSet:
                return Store(ref _parent, ManagementData.TryReadParent(reply.Data, out ParentData parent), parent);
            case ManagementId.TimePropertiesDataSet:
                return Store(
                    ref _properties, ManagementData.TryReadTimeProperties(reply.Data, out TimeProperties properties), properties);
            case ManagementId.TimeStatus:
                return Store(ref _status, ManagementData.TryReadTimeStatus(reply.Data, out TimeStatus status), status);
            default:
                return AddPort(reply);
        }
    }

    /// <summary>Checks the complete answers for consistency: a change of master between two answers is rejected.</summary>
    public bool TryConclude(out Ptp4lReport report)
    {
        report = default;
        (DefaultData own, ParentData parent, TimeStatus status) = (_default!.Value, _parent!.Value, _status!.Value);
        if (parent.Grandmaster != status.Grandmaster || status.IsGrandmasterPresent == (parent.Grandmaster == own.Clock))
            return false;
        for (int i = 0; i < _count; i++)
        {
            if (_ports[i].Identity.Clock != own.Clock || _ports[i].Data is not { } data)
                return false;
            if (_best < 0 || Rank(data.State) > Rank(_ports[_best].Data!.Value.State))
                _best = i;
        }

        if (_best < 0)
            return false;
        ref Port best = ref _ports[_best];
        ((ReadOnlySpan<byte>)best.Name)[..best.NameBytes].CopyTo(_name);
        report = new()
        {
            Own = own.Clock,
            Domain = own.Domain,
            Ports = own.Ports,
            Port = best.Data!.Value,
            Parent = parent,
            Current = _current!.Value,
            Status = status,
            Properties = _properties!.Value,
            Stamps = best.Stamps,
            Phc = best.Phc is >= 0 ? best.Phc : null,
        };
        return true;
    }

    /// <summary>Distance of a port from the slave state; higher is nearer.</summary>
    private static int Rank(PtpPortState state) => state switch
    {
        PtpPortState.Slave => 5,
        PtpPortState.Uncalibrated => 4,
        PtpPortState.Listening => 3,
        PtpPortState.Passive => 2,
        PtpPortState.Faulty or PtpPortState.Disabled => 0,
        _ => 1,
    };

    private static AnswerUse Store<T>(ref T? stored, bool isGood, T value) where T : struct
    {
        if (!isGood)
            return AnswerUse.Malformed;
        if (stored is not null)
            return AnswerUse.Repeated;
        stored = value;
        return AnswerUse.Used;
    }

    private AnswerUse AddPort(in ManagementReply reply)
    {
        switch (reply.Id)
        {
            case ManagementId.PortDataSet when ManagementData.TryReadPort(reply.Data, out PortData data) && TryFind(data.Port, out int at):
                return Store(ref _ports[at].Data, data, ref _withData);
            case ManagementId.PortProperties
                when ManagementData.TryReadPortProperties(
                    reply.Data, out PortIdentity port, out StampKindOfPort stamps, out ReadOnlySpan<byte> name)
                        && TryFind(port, out int at):
                if (_ports[at].Stamps is null)
                {
                    name.CopyTo(_ports[at].Name);
                    _ports[at].NameBytes = name.Length;
                }

                return Store(ref _ports[at].Stamps, stamps, ref _withProperties);
            case ManagementId.PortHardwareClock
                when ManagementData.TryReadHardwareClock(reply.Data, out PortIdentity port, out int phc) && TryFind(port, out int at):
                return Store(ref _ports[at].Phc, phc, ref _withHardwareClock);
            default:
                return AnswerUse.Malformed;
        }
    }

    private static AnswerUse Store<T>(ref T? stored, T value, ref int count) where T : struct
    {
        if (stored is not null)
            return AnswerUse.Repeated;
        stored = value;
        count++;
        return AnswerUse.Used;
    }

    private bool TryFind(PortIdentity identity, out int at)
    {
        for (at = 0; at < _count; at++)
        {
            if (_ports[at].Identity == identity)
                return true;
        }

        if (_count == MostPorts)
            return false;
        _ports[_count++].Identity = identity;
        return true;
    }
}
