// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Changes;
using Capbox.Commands;
using Capbox.Config;
using Capbox.Health;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>Why a box wants to be stopped.</summary>
internal enum BoxEnd
{
    /// <summary>To start again with the document in force.</summary>
    Restart,

    /// <summary>The machine is to reboot.</summary>
    Reboot,
}

/// <summary>
/// The box: makes its parts from <see cref="BoxOptions"/>, starts them in order, changes them while they run, and stops them in reverse. It prints nothing and hears no signal; <see cref="BoxHost"/>
/// is around it.
/// </summary>
internal sealed class CaptureBox : IBox, IRunningBox, IDisposable
{
    /// <summary>The answer to the command goes out before the box ends.</summary>
    private static readonly TimeSpan s_farewell = TimeSpan.FromMilliseconds(500);

    private readonly BoxOptions _options;
    private readonly KeptConfiguration? _kept;
    private readonly ILogger _logger;
    private readonly BoxRun _run = BoxRun.Begin();
    private readonly TaskCompletionSource<BoxEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Leds _leds = new();
    private readonly Recorder _recorder;
    private readonly Archivist _archivist;
    private readonly ChainPart _chain;
    private readonly ClockPart _clock;
    private readonly MqttFrontEnd _mqtt;
    private readonly Configurator? _configurator;
    private readonly ConfigReport? _rolledBack; // before this start, and no event has reported it
    private readonly IReadOnlyList<IFrontEnd> _frontEnds;
    private readonly IReadOnlyList<IBoxPart> _parts;
    private int _started;
    private volatile bool _mayReboot;

    /// <param name="options">What it is built from.</param>
    /// <param name="kept">The configuration that the box keeps itself; null: it was started with a file and stays with it.</param>
    /// <param name="loggers">For all parts.</param>
    public CaptureBox(BoxOptions options, KeptConfiguration? kept, ILoggerFactory loggers)
    {
        (_options, _kept, _mayReboot) = (options, kept, options.MayReboot);
        _logger = loggers.CreateLogger("box");
        _recorder = new Recorder(options.Recorder, loggers.CreateLogger<Recorder>());
        _archivist = new Archivist(options.Archive, new SystemClocks(), loggers.CreateLogger<Archivist>());
        _chain = new ChainPart(options, _recorder, _archivist, _logger);
        _clock = new ClockPart(options, _recorder, _logger);
        _configurator = kept is null ? null : new Configurator(kept.Store, kept.Trials, kept.Config, this, _logger);
        _rolledBack = kept is { IsRolledBack: true } ? _configurator!.Report : null;
        Commands = MakeCommands();
        _mqtt = new MqttFrontEnd(this, options, _run, OpenEvents, _logger);
        string[] directories = kept is null ? [options.Directory] : [options.Directory, kept.Directory];
        _frontEnds = [new SocketFrontEnd(this, directories, _logger), new MetricsFrontEnd(this, options, _logger), _mqtt];
        _parts =
        [
            _chain, _clock, new RecordingPart(_recorder, _archivist),
            .. _configurator is null ? [] : new IBoxPart[] { new ConfiguratorPart(_configurator) },
            .. _frontEnds,
        ];
    }

    public CommandTable Commands { get; }

    public IConfigurator? Configurator => _configurator;

    public string Serial => _recorder.Options.Serial;

    /// <summary>Completes when the box wants to be stopped, with the reason.</summary>
    public Task<BoxEnd> Ended => _ended.Task;

    /// <summary>Starts all parts. If one fails, those before it are stopped again.</summary>
    /// <exception cref="CaptureException">The recorder does not start.</exception>
    /// <exception cref="Packets.Custody.CustodyException">The chain of custody does not start.</exception>
    public void Start()
    {
        try
        {
            foreach (IBoxPart part in _parts)
            {
                _started++;
                part.Start();
            }
        }
        catch
        {
            Stop();
            throw;
        }
    }

    /// <summary>Stops what was started, in reverse.</summary>
    public void Stop()
    {
        while (_started > 0)
            _parts[--_started].Stop();
    }

    /// <summary>Begins new segments.</summary>
    public void Rotate() => _recorder.RequestRotation();

    public BoxSnapshot Snapshot() =>
        new(_recorder.Snapshot()) { Archive = _archivist.Snapshot(), Custody = _chain.State, Clock = _clock.Snapshot, Mqtt = _mqtt.Snapshot };

    public void Change(ConfigResult next, ConfigPlan plan)
    {
        BoxOptions options = BoxOptions.From(next);
        // The recorder may refuse; nothing after it does.
        _recorder.Change(options.Recorder);
        if (plan.Has(ConfigEffect.Retention))
            _archivist.Change(options.Archive);
        if (plan.Has(ConfigEffect.Clock))
            _clock.Change(options.Clock);
        _mayReboot = options.MayReboot;
        foreach (IFrontEnd frontEnd in _frontEnds)
            frontEnd.Change(options);
    }

    public void Restart() => _ended.TrySetResult(BoxEnd.Restart);

    public void Dispose()
    {
        Stop();
        _leds.Dispose();
    }

    private CommandTable MakeCommands()
    {
        var commands = new CommandTable(_recorder, Snapshot);
        ArchiveCommands.AddTo(commands, _archivist, _options.Directory);
        HoldCommands.AddTo(commands, _archivist, _options.Directory);
        BoxCommands.AddTo(commands, Snapshot, _options.Directory, _leds, new RebootConfirmation(RebootRefusal, Reboot, TimeProvider.System), _clock.AcceptShifts);
        if (_configurator is not null)
            ConfigCommands.AddTo(commands, _configurator);
        return commands;
    }

    private string? RebootRefusal() =>
        !_mayReboot ? "reboot is not allowed here: $.control.reboot of the configuration is not true"
        : LibC.geteuid() != 0 ? "reboot needs a capbox that runs as root" : null;

    private void Reboot()
    {
        _logger.LogWarning("reboot: ordered; the recording ends first");
        _ = Task.Delay(s_farewell).ContinueWith(_ => _ended.TrySetResult(BoxEnd.Reboot), TaskScheduler.Default);
    }

    /// <summary>The journal lies beside the documents of a box that keeps its configuration, else beside the catalog.</summary>
    private EventJournal OpenEvents()
    {
        var spool = new EventSpool(ArchiveDirectory.StatePath(_kept?.Directory ?? _options.Directory, "events"), new SpoolLimits());
        var journal = new EventJournal(_run, Snapshot, spool, _logger);
        ConfigReport? now = _configurator?.Report;
        bool isStill = (now?.Version, now?.Id, now?.Status) == (_rolledBack?.Version, _rolledBack?.Id, _rolledBack?.Status);
        ConfigEvents.Begin(journal, _configurator, isStill ? _rolledBack : null);
        return journal;
    }
}
