// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Config;

namespace Capbox.Mqtt;

/// <summary>The topics of a box: capbox/v1/DEVICE/... docs/reference/control.md lists them.</summary>
/// <param name="deviceId">The box.</param>
internal sealed class Topics(string deviceId)
{
    private readonly string _root = $"capbox/v1/{deviceId}/";

    public string State => _root + "state";
    public string Desired => _root + "config/desired";
    public string ConfirmConfig => _root + "config/confirm";
    public string Commands => _root + "cmd/+";

    public string Topic(string suffix) => _root + suffix;

    /// <summary>The command in a topic of <see cref="Commands"/>, or null.</summary>
    public string? CommandOf(string topic) =>
        topic.StartsWith(_root + "cmd/", StringComparison.Ordinal) && topic[(_root.Length + 4)..] is var name && TopicLevel.IsValid(name) ? name : null;

    /// <summary>
    /// Where an answer goes: where it is asked to, if that is among the box's replies, else to the requester's reply. Null: nowhere.
    /// </summary>
    public string? Reply(string? responseTopic, string? requester)
    {
        if (responseTopic is not null && responseTopic.StartsWith(_root + "reply/", StringComparison.Ordinal) && responseTopic[(_root.Length + 6)..].Split('/') is { Length: <= 4 } levels && levels.All(TopicLevel.IsValid))
            return responseTopic;
        return requester is not null && TopicLevel.IsValid(requester) ? $"{_root}reply/{requester}" : null;
    }

    /// <summary>Who is told by a topic that <see cref="Reply"/> gave, where nobody is named.</summary>
    public string RequesterOf(string reply) => reply[(_root.Length + 6)..];
}
